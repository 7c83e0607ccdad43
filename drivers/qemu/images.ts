import { createHash } from "node:crypto";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { lastLine } from "./last-line.ts";

const CONVERT_TIMEOUT_MS = 120_000;

const InfoSchema = v.object({
  format: v.string(),
  "virtual-size": v.number(),
  "backing-filename": v.optional(v.string()),
  "full-backing-filename": v.optional(v.string()),
  "format-specific": v.optional(
    v.looseObject({ data: v.optional(v.looseObject({ "data-file": v.optional(v.string()) })) }),
  ),
  snapshots: v.optional(v.array(v.looseObject({ name: v.string() })), []),
});
export type ImageInfo = v.InferOutput<typeof InfoSchema>;

/** What a disk image holds. `format` empty: it is found out. Failure `BAD_IMAGE`. */
export async function imageInfo(env: Env, path: string, format: string): Promise<Result<ImageInfo>> {
  const said = await env.exec.run(["qemu-img", "info", "-U", "--output=json", ...formatFlag("-f", format), path]);
  if (said.code === 127) return fail("NO_SUCH_PROGRAM", "needs qemu-img (Debian's package qemu-utils)");
  if (said.code !== 0) return fail("BAD_IMAGE", `${path} is no disk image: ${lastLine(said.stderr)}`);
  try {
    return succeed(v.parse(InfoSchema, JSON.parse(said.stdout)));
  } catch {
    return fail("BAD_IMAGE", `qemu-img says nothing of use about ${path}`);
  }
}

/** An image that came from elsewhere must not name other files of this node: the guest would read them. */
export function foreignFile(info: ImageInfo): string | undefined {
  return info["full-backing-filename"] ?? info["backing-filename"] ?? info["format-specific"]?.data?.["data-file"];
}

const SECTOR = 512;
const BOOT_MARK = [0x55, 0xaa];
/** ISO 9660 (ECMA-119, 8.1): the first descriptor, behind 16 sectors of 2048 bytes. */
const ISO_AT = 32_769;

/** Any file would pass for a raw disk: what is said against this one being one that a machine can start from. */
export async function bootProblem(env: Env, path: string): Promise<string | undefined> {
  const head = (await env.disk.readAt(path, 0, SECTOR)) ?? new Uint8Array();
  if (head.length < SECTOR) return `it has only ${head.length} bytes`;
  if (head[510] === BOOT_MARK[0] && head[511] === BOOT_MARK[1]) return undefined;
  if (await isIso(env, path)) return undefined;
  const start = textOf(head.subarray(0, 24)).replaceAll(/[^\x20-\x7E]+/g, ".");
  return `it has no boot sector, and begins with ${JSON.stringify(start)}`;
}

export async function isIso(env: Env, path: string): Promise<boolean> {
  return textOf((await env.disk.readAt(path, ISO_AT, 5)) ?? new Uint8Array()) === "CD001";
}

export interface OverlayWish {
  readonly source: string;
  readonly format: string;
  readonly overlay: string;
  /** Empty: the source's. */
  readonly size: string;
}

/**
 * A disk of the guest's own over a source that stays as it is. One that is there already is used again, as long as it was
 * made over the same contents. True: it is a new one although there was one.
 */
export async function makeOverlay(env: Env, wish: OverlayWish): Promise<Result<{ readonly isAnew: boolean }>> {
  const { source, format, overlay, size } = wish;
  const stamp = await contentStamp(env, source);
  const stampFile = `${overlay}.source`;
  const before = await env.disk.read(stampFile);
  const isThere = (await env.disk.stat(overlay)) !== undefined;
  if (isThere && before !== undefined && textOf(before) === stamp) {
    // Its allocation may have moved, and the source with it.
    const rebased = await run(env, ["rebase", "-u", "-f", "qcow2", "-b", source, "-F", format, overlay]);
    return rebased.ok ? succeed({ isAnew: false }) : rebased;
  }
  await env.disk.remove(overlay);
  const made = await run(env, [
    "create",
    "-q",
    "-f",
    "qcow2",
    "-b",
    source,
    "-F",
    format,
    overlay,
    ...(size === "" ? [] : [size]),
  ]);
  if (!made.ok) return made;
  await env.disk.replace(stampFile, stamp);
  return succeed({ isAnew: isThere });
}

export function makeImage(
  env: Env,
  path: string,
  { format, size }: { readonly format: string; readonly size: string },
): Promise<Result<void>> {
  return run(env, ["create", "-q", "-f", format, path, size]);
}

/** Copies an image, as another format. */
export function convertImage(
  env: Env,
  from: string,
  { to, format }: { readonly to: string; readonly format: string },
): Promise<Result<void>> {
  return run(env, ["convert", "-O", format, from, to]);
}

const SAMPLE = 65_536;
const SAMPLES = 32;

/** Tells one image from another without reading all of it: its size, and samples of its contents. */
async function contentStamp(env: Env, path: string): Promise<string> {
  const size = (await env.disk.stat(path))?.size ?? 0;
  const hash = createHash("sha256").update(String(size));
  for (let sample = 0; sample < SAMPLES; sample++) {
    const at = Math.floor((Math.max(0, size - SAMPLE) * sample) / (SAMPLES - 1));
    hash.update((await env.disk.readAt(path, at, SAMPLE)) ?? new Uint8Array());
  }
  return `${hash.digest("hex")}\n`;
}

function formatFlag(flag: string, format: string): readonly string[] {
  return format === "" ? [] : [flag, format];
}

async function run(env: Env, words: readonly string[]): Promise<Result<void>> {
  const done = await env.exec.run(["qemu-img", ...words], { timeoutMs: CONVERT_TIMEOUT_MS });
  if (done.code === 127) return fail("NO_SUCH_PROGRAM", "needs qemu-img (Debian's package qemu-utils)");
  if (done.code === 0 && done.signal === 0) return succeed(undefined);
  const why = done.timedOut ? "it took too long" : lastLine(done.stderr);
  return fail("BAD_IMAGE", `qemu-img ${words[0] ?? ""} failed: ${why}`);
}
