import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FLASHED, INDEX, INDEX_BLOCK, PARTS, SLOT_STATES } from "../node/flashed.ts";

export interface FlashedOptions {
  /** Folder with `root.img` and `kernel.img`: slot A. Slot B is empty. */
  readonly images: string;
  /** Folder that becomes the boot partition. */
  readonly boot: string;
  readonly compatible: string;
  readonly version: string;
}

/** What RAUC would know of the slots, had it written them (`../node/flashed.ts`): https://rauc.readthedocs.io/en/latest/reference.html#slot-status */
export async function layOutFlashed({ images, boot, compatible, version }: FlashedOptions): Promise<void> {
  const folder = join(boot, FLASHED);
  const states: string[] = [];
  const tell = async (slot: string, bytes: Uint8Array, more: readonly string[] = []): Promise<void> => {
    const digest = createHash("sha256").update(bytes).digest("hex");
    const own = join(folder, `slot.${slot}`, `hash-${digest}`);
    await mkdir(own, { recursive: true });
    await writeFile(join(own, INDEX), hashIndex(bytes));
    states.push(`[slot.${slot}]`, ...more, "status=ok", `sha256=${digest}`, `size=${bytes.length}`, "");
  };
  for (const { part, rauc } of PARTS) {
    const release = [`bundle.compatible=${compatible}`, `bundle.version=${version}`];
    await tell(`${rauc}.0`, await readFile(join(images, `${part}.img`)), release);
    await tell(`${rauc}.1`, Buffer.alloc(INDEX_BLOCK));
  }
  await writeFile(join(folder, SLOT_STATES), states.join("\n"));
}

/** SHA-256 of each block, one after the other. */
export function hashIndex(bytes: Uint8Array): Uint8Array {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += INDEX_BLOCK)
    hashes.push(
      createHash("sha256")
        .update(bytes.subarray(at, at + INDEX_BLOCK))
        .digest(),
    );
  return Buffer.concat(hashes);
}
