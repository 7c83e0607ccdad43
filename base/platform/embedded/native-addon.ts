import { closeSync, constants, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { assert } from "#base/env/assert.ts";
import { readEmbedded } from "./files.ts";

/**
 * Loads the embedded Node-API addon for this processor, without leaving a file behind.
 * @param name e.g. `serialport`: the asset is `native/serialport-<arch>.node`
 */
export function loadNativeAddon(name: string): unknown {
  const asset = `native/${name}-${process.arch}.node`;
  const bytes = readEmbedded(asset);
  assert(bytes !== undefined, `the build embeds ${asset}`);
  const failures: string[] = [];
  for (const folder of ["/dev/shm", "/run", tmpdir(), "/var/tmp"]) {
    try {
      return loadThrough(folder, bytes);
    } catch (error) {
      failures.push(`${folder}: ${String(error)}`);
    }
  }
  throw new Error(
    `cannot load the native addon ${name}: it needs one folder that allows executable mappings\n${failures.join("\n")}`,
  );
}

/** O_TMPFILE (open(2)) holds __O_TMPFILE and O_DIRECTORY, and O_DIRECTORY differs between processors. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** The dynamic loader needs a path; an unnamed file has one under /proc until its descriptor is closed. */
function loadThrough(folder: string, bytes: Uint8Array): unknown {
  const descriptor = openSync(folder, O_TMPFILE | constants.O_RDWR, 0o700);
  try {
    for (let offset = 0; offset < bytes.length;) offset += writeSync(descriptor, bytes, offset);
    const addon: { exports: unknown } = { exports: {} };
    process.dlopen(addon, `/proc/self/fd/${descriptor}`);
    return addon.exports;
  } finally {
    closeSync(descriptor);
  }
}
