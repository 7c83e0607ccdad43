/** landlock_create_ruleset(2) has this number on every processor. */
const CREATE_RULESET = 444n;
/** Makes nothing, and answers with the version. */
const ASK_VERSION = 1n;

/**
 * Which version of Landlock this kernel offers (https://docs.kernel.org/userspace-api/landlock.html); 0: none. Undefined
 * where this runtime cannot ask (`node:ffi` is experimental).
 */
export async function landlockVersion(): Promise<number | undefined> {
  try {
    const { dlopen } = await import("node:ffi");
    const { functions: libc } = dlopen("libc.so.6", {
      syscall: { return: "i64", arguments: ["i64", "u64", "u64", "u64"] },
    });
    return Math.max(0, Number(libc.syscall(CREATE_RULESET, 0n, 0n, ASK_VERSION)));
  } catch {
    return undefined;
  }
}
