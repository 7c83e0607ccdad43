import { createHash } from "node:crypto";
import { copyFile, cp, open, readdir, readFile, type FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import type { SlotName } from "./boot-env.ts";
import { readIfThere, type Places } from "./machine.ts";

/** Blocks of RAUC's `block-hash-index` (https://rauc.readthedocs.io/en/latest/advanced.html#block-based-adaptive-update). */
export const INDEX_BLOCK = 4096;
const HASH = 32;
/** File of a slot's folder in which RAUC looks for the hashes of its blocks. */
export const INDEX = "block-hash-index";
/** Folder of the boot partition: what RAUC's data directory would hold, had it written what was flashed. */
export const FLASHED = "rauc";
/** RAUC's file with what each slot holds. */
export const SLOT_STATES = "central.raucs";
/** What a slot consists of, and what RAUC calls it. */
export const PARTS = [
  { part: "root", rauc: "rootfs" },
  { part: "kernel", rauc: "kernel" },
] as const;

/**
 * RAUC keeps the hashes of what it has written; of a disk that was flashed it knows nothing, and would read both slots to
 * their ends before the first update. Where it has written nothing yet, and the slots are as they were flashed, it gets what
 * was flashed along. It compares each block with its hash before it uses it.
 *
 * @param rauc RAUC's data directory
 */
export async function tellFlashed({ boot, run }: Places, running: SlotName, rauc: string): Promise<void> {
  const from = join(boot, FLASHED);
  if (running !== "A" || (await readIfThere(join(rauc, SLOT_STATES))) !== undefined) return;
  for (const { part, rauc: slot } of PARTS) {
    const [kept] = await readdir(join(from, `slot.${slot}.0`));
    const index = await readFile(join(from, `slot.${slot}.0`, kept ?? "", INDEX));
    const [a, b] = ["a", "b"].map((name) => join(run, "disk", `${part}-${name}`));
    if (!(await isOf(a ?? "", index)) || !(await isEmpty(b ?? ""))) return;
  }
  // The file that names the others comes last: a power cut before it leaves nothing that counts.
  await cp(from, rauc, { recursive: true, filter: (path) => basename(path) !== SLOT_STATES });
  await copyFile(join(from, SLOT_STATES), join(rauc, SLOT_STATES));
}

/** By the first block and the last one: there squashfs tells where its tables are, and has them. */
async function isOf(path: string, index: Uint8Array): Promise<boolean> {
  const last = Math.floor(index.length / HASH) - 1;
  if (last < 0) return false;
  return withFile(path, async (file) => {
    for (const at of [0, last])
      if (!sha256(await blockAt(file, at)).equals(index.subarray(at * HASH, (at + 1) * HASH))) return false;
    return true;
  });
}

function isEmpty(path: string): Promise<boolean> {
  return withFile(path, async (file) => (await blockAt(file, 0)).every((byte) => byte === 0));
}

async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, "r");
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

async function blockAt(file: FileHandle, at: number): Promise<Uint8Array> {
  const block = Buffer.alloc(INDEX_BLOCK);
  await file.read(block, 0, INDEX_BLOCK, at * INDEX_BLOCK);
  return block;
}

function sha256(block: Uint8Array): Buffer {
  return createHash("sha256").update(block).digest();
}
