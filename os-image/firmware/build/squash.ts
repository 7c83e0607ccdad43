import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Result } from "#base/env/errors.ts";
import type { Workshop } from "./workshop.ts";

/** What another version brings anew even when no package changed; lowest last (mksquashfs(1), sort files). */
const LAST = [
  ["usr/lib/lares/packages", -32_000],
  ["usr/lib/lares/built", -32_000],
  ["etc/rauc/keyring.pem", -32_100],
  ["usr/lib/os-release", -32_700],
  ["usr/bin/lares", -32_768],
] as const;

/** The largest there is: programs are packed 6 % smaller in it than in quarters of it. */
const BLOCK = "1M";

export interface SquashOptions {
  /** Names in the work folder. */
  readonly tree: string;
  readonly image: string;
  /** zstd's, 1 to 22. */
  readonly level: number;
}

/**
 * Packs a slot's root. What changes with each version lies at the end: the rest of two versions is the same bytes at the same
 * places, which an update does not load again.
 */
export async function squashRoot(workshop: Workshop, { tree, image, level }: SquashOptions): Promise<Result<string>> {
  await writeFile(join(workshop.work, "last"), LAST.map(([path, place]) => `${path} ${place}\n`).join(""));
  const argv = [
    "mksquashfs",
    `/making/${tree}`,
    `/making/${image}`,
    "-noappend",
    "-no-progress",
    "-quiet",
    "-no-xattrs",
  ];
  const packing = ["-comp", "zstd", "-Xcompression-level", String(level), "-b", BLOCK];
  return workshop.run([...argv, ...packing, "-sort", "/making/last"]);
}
