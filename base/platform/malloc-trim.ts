/**
 * Loads glibc's `malloc_trim` (https://man7.org/linux/man-pages/man3/malloc_trim.3.html): gives the free pages of every
 * arena of the C heap back to the system. Does nothing where the C library has no such function or this runtime cannot
 * call it (`node:ffi` is experimental).
 */
export async function loadMallocTrim(): Promise<() => void> {
  try {
    const { dlopen } = await import("node:ffi");
    const { functions } = dlopen("libc.so.6", { malloc_trim: { return: "i32", arguments: ["u64"] } });
    return () => void functions.malloc_trim(0n);
  } catch {
    return () => undefined;
  }
}
