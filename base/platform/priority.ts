import { getPriority, setPriority } from "node:os";

/**
 * A third of an ordinary thread's weight (sched(7)). No less: threads of a process wait for each other in the kernel wherever
 * memory is mapped, and whoever holds that lock and hardly ever runs keeps those who answer waiting too.
 */
const BEHIND = 5;
/** The shortest turn there is, in nanoseconds; 0: an ordinary one. */
const SHORT_NS = 100_000n;
/** `struct sched_attr` and a flag of it, and the call's number: sched_setattr(2). */
const ATTR_BYTES = 48;
const RESET_ON_FORK = 1n;
const CALL_NUMBERS: Readonly<Record<string, bigint>> = { x64: 314n, arm64: 274n };

/** Puts the calling thread behind others: for work nobody waits for. */
export function goBehind(): void {
  setPriority(0, BEHIND);
}

/**
 * Gives the calling thread short turns, for which the kernel interrupts whoever has a long one as soon as there is something to
 * do (Linux 6.12: EEVDF's slices); it waits for the clock's next tick otherwise. Under load short turns mean small batches, so
 * they are for as long as another thread of the process works. Threads it starts have ordinary ones. Returns what ends it.
 */
export async function takeShortTurns(): Promise<() => void> {
  const number = CALL_NUMBERS[process.arch];
  if (number === undefined || process.platform !== "linux") return () => {};
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions: libc } = dlopen("libc.so.6", {
      syscall: { return: "i64", arguments: ["i64", "i64", "u64", "u64"] },
    });
    const set = (sliceNs: bigint): void => {
      const attributes = new DataView(new ArrayBuffer(ATTR_BYTES));
      attributes.setUint32(0, ATTR_BYTES, true);
      attributes.setBigUint64(8, RESET_ON_FORK, true);
      attributes.setInt32(16, getPriority(), true);
      attributes.setBigUint64(24, sliceNs, true);
      libc.syscall(number, 0n, getRawPointer(attributes.buffer), 0n);
    };
    set(SHORT_NS);
    return () => set(0n);
  } catch {
    return () => {};
  }
}
