import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { posix } from "node:path";

/** One hash over named inputs; the order counts. */
export function hashInputs(inputs: Iterable<string | Uint8Array>): string {
  const hash = createHash("sha256");
  for (const input of inputs) {
    const bytes = Buffer.from(input);
    hash.update(`${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

/** Writes a file so that nobody ever sees half of it. */
export function writeOutput(path: string, bytes: string | Uint8Array, mode = 0o644): void {
  mkdirSync(posix.dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.tmp`;
  writeFileSync(partial, bytes, { mode });
  renameSync(partial, path);
}

/**
 * Makes an output unless it is there already, made from the same inputs.
 * @param make writes the output to the path it is given
 */
export async function makeOnce(
  path: string,
  inputs: string,
  make: (partial: string) => Promise<void>,
): Promise<"made" | "kept"> {
  const stamp = `${posix.dirname(path)}/.cache/${posix.basename(path)}.inputs`;
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return "kept";
  mkdirSync(posix.dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.tmp`;
  await make(partial);
  renameSync(partial, path);
  writeOutput(stamp, inputs);
  return "made";
}
