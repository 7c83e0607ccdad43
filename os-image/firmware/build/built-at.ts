import { open } from "node:fs/promises";

/** Of a package (`ar` archive) the first member's header: its time is decimal seconds, 12 characters from here (deb(5), ar(5)). */
const TIME_AT = 24;
const TIME_LENGTH = 12;

/**
 * Seconds since 1970 before which this system cannot have been made: when the newest of its packages was built. Unlike the
 * time of the build it is the same in every build of the same lock.
 */
export async function builtAt(packages: readonly { readonly path: string }[]): Promise<number> {
  let newest = 0;
  for (const { path } of packages) {
    const file = await open(path, "r");
    try {
      const { buffer } = await file.read(Buffer.alloc(TIME_LENGTH), 0, TIME_LENGTH, TIME_AT);
      newest = Math.max(newest, Number.parseInt(buffer.toString("latin1"), 10) || 0);
    } finally {
      await file.close();
    }
  }
  return newest;
}
