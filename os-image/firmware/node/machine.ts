import { constants, existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, open, readFile, rename, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { DEFAULT_ENV, formatBootEnv, parseBootEnv, SLOTS, type BootEnv, type SlotName } from "./boot-env.ts";
import { UpdateRecordSchema, type UpdateRecord } from "./update-record.ts";

/** Where the firmware keeps what; other folders in tests. */
export interface Places {
  /** Made at each start: which disk, which slot, what went wrong. */
  readonly run: string;
  /** Settings of the machine that last. */
  readonly state: string;
  readonly boot: string;
}

export const PLACES: Places = { run: "/run/lares-os", state: "/var/lib/lares-os", boot: "/boot" };

/** File of the machine that made a cluster: the code by which its owner takes it over, until that is done. */
export const CLAIM = "claim";
export const CLAIM_PATH = `${PLACES.state}/${CLAIM}`;

const FULL_BYTES = 32 * 1024 * 1024;
const FULL = "the data partition is full: less than 32 MiB are free; delete what is not needed";

/** Before a command: in the mounts that all see, whatever the unit of whoever asks for it says. */
export const OUTSIDE = ["nsenter", "--mount=/proc/1/ns/mnt", "--"] as const;

export async function runningSlot({ run }: Places): Promise<SlotName | undefined> {
  const text = (await readIfThere(join(run, "slot")))?.trim();
  return SLOTS.find((slot) => slot === text);
}

/** Whether this machine may still go back to its other slot by itself: its start was not judged yet, or badly. Elsewhere never. */
export function isOnTrial({ run }: Places = PLACES): boolean {
  if (!existsSync(join(run, "slot")) || existsSync(join(run, "from-network"))) return false;
  const judged = join(run, "judged");
  return !existsSync(judged) || readFileSync(judged, "utf8").trim() === "go-back";
}

/** What went wrong since the machine was started, and a data partition without room, a line each. */
export async function troublesOf({ run, state }: Places): Promise<readonly string[]> {
  const text = (await readIfThere(join(run, "troubles"))) ?? "";
  const lines = text.split("\n").filter((line) => line !== "");
  return (await isFull(state)) ? [...lines, FULL] : lines;
}

async function isFull(folder: string): Promise<boolean> {
  const found = await statfs(folder).catch(() => undefined);
  return found !== undefined && found.bavail * found.bsize < FULL_BYTES;
}

export async function readBootEnv({ boot }: Places): Promise<BootEnv> {
  const bytes = await readFile(join(boot, "grub/grubenv")).catch(() => undefined);
  return (bytes && parseBootEnv(bytes)) ?? DEFAULT_ENV;
}

/** In place, and never longer than one sector: a power cut leaves the old or the new. One that is damaged or gone is made anew. */
export async function writeBootEnv(places: Places, env: BootEnv, exec: Exec): Promise<Result<void>> {
  const bytes = formatBootEnv(env);
  if (bytes === undefined) return fail("os_boot_env", "the boot environment does not fit into one sector");
  return withWritableBoot(places, exec, async () => {
    const file = await open(join(places.boot, "grub/grubenv"), constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      await file.write(bytes, 0, bytes.length, 0);
      if ((await file.stat()).size !== bytes.length) await file.truncate(bytes.length);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** The boot partition is written to only while something has to be written. */
export async function withWritableBoot(places: Places, exec: Exec, work: () => Promise<void>): Promise<Result<void>> {
  const mounted = places.boot === PLACES.boot;
  if (mounted) {
    const opened = await exec.run(["mount", "-o", "remount,rw", places.boot]);
    if (opened.code !== 0) return fail("os_boot", `cannot write to the boot partition: ${opened.stderr.trim()}`);
  }
  try {
    await work();
    return succeed(undefined);
  } catch (error) {
    return fail("os_boot", `cannot write to the boot partition: ${String(error)}`);
  } finally {
    if (mounted) await exec.run(["mount", "-o", "remount,ro", places.boot]);
  }
}

export async function readUpdateRecord({ state }: Places): Promise<UpdateRecord | undefined> {
  const text = await readIfThere(join(state, "update.json"));
  if (text === undefined) return undefined;
  try {
    const parsed = v.safeParse(UpdateRecordSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

export async function writeUpdateRecord(places: Places, record: UpdateRecord): Promise<void> {
  await keep(places, { name: "update.json", text: `${JSON.stringify(record, undefined, 2)}\n` });
}

/** How often a slot was started since the update that is recorded, as far as the data partition. */
export async function startsOf({ state }: Places, slot: SlotName): Promise<number> {
  const text = (await readIfThere(join(state, "starts"))) ?? "";
  return text.split("\n").filter((line) => line === slot).length;
}

export interface KeptFile {
  readonly name: string;
  readonly text: string;
  /** Default 0644. */
  readonly mode?: number;
}

/** A file of the machine's settings, written whole and durably. */
export async function keep({ state }: Places, file: KeptFile): Promise<void> {
  const { name, text, mode = 0o644 } = file;
  await mkdir(state, { recursive: true });
  const path = join(state, name);
  await writeFile(`${path}.new`, text, { mode, flush: true });
  await chmod(`${path}.new`, mode);
  await rename(`${path}.new`, path);
}

export async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

/** Of the system that runs. */
export const OS_RELEASE = "/usr/lib/os-release";

/** `VERSION_ID` of os-release(5). */
export function versionIn(osRelease: string | undefined): string {
  return /^VERSION_ID=(\S+)$/m.exec(osRelease ?? "")?.[1] ?? "";
}

/** `VARIANT_ID` of os-release(5). */
export function flavourIn(osRelease: string | undefined): string | undefined {
  return /^VARIANT_ID=(\S+)$/m.exec(osRelease ?? "")?.[1];
}
