import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "#os-image/oci/archive.ts";
import type { Case, Stage } from "../case.ts";

export const reproducibleCases: readonly Case[] = [{ name: "two builds give the same bytes", run: twice }];

const PARTS = ["root.img", "kernel.img", "disk.img"] as const;

/** In other folders, at other times, under another mask of permissions: what a build must not depend on. */
async function twice({ bench, say }: Stage): Promise<void> {
  const first = await digests(bench, "first", 0o022);
  say("built once");
  const second = await digests(bench, "in/another/folder", 0o077);
  say("built twice");
  assert.deepEqual(second, first);
  for (const [file, digest] of Object.entries(first)) say(`${file} ${digest}`);
}

/** Of the slot's parts and of all that is published, but for what signatures are: another each time. */
async function digests(bench: Stage["bench"], name: string, mask: number): Promise<Readonly<Record<string, string>>> {
  const before = process.umask(mask);
  try {
    const built = await bench.system(join("builds", name));
    const { work } = built.workshop;
    const found: Record<string, string> = {};
    for (const part of PARTS) found[part] = await digestOf(join(work, part));
    const folder = await bench.outputs(join("published", name), built);
    for (const line of readFileSync(join(folder, "SHA256SUMS"), "utf8").trim().split("\n")) {
      const [, sha256 = "", file = ""] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? assert.fail(line);
      found[file] = file.endsWith(".raucb") ? digestOfUnsigned(readFileSync(join(folder, file))) : sha256;
    }
    return found;
  } finally {
    process.umask(before);
  }
}

/**
 * What an update carries: before its hashes, which RAUC salts, and before the signature, whose length the last eight bytes tell
 * (https://rauc.readthedocs.io/en/latest/reference.html#verity-format).
 */
function digestOfUnsigned(bundle: Buffer): string {
  const signature = bundle.length - 8 - Number(bundle.readBigUInt64BE(bundle.length - 8));
  const [, hashes] =
    /^verity-size=(\d+)$/m.exec(bundle.toString("latin1", signature)) ?? assert.fail("no size of hashes");
  return createHash("sha256")
    .update(bundle.subarray(0, signature - Number(hashes)))
    .digest("hex");
}
