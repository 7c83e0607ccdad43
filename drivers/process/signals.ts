import { fail } from "#base/env/errors.ts";

/** Linux signal numbers (signal(7), x86 and ARM). */
const NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** `SIGTERM`, `TERM`, `sigterm` or a number as text; undefined when there is no such signal. */
export function signalNumber(name: string): number | undefined {
  const upper = name.toUpperCase();
  const known = NUMBERS[upper] ?? NUMBERS[`SIG${upper}`];
  if (known !== undefined) return known;
  const number = Number(name);
  return /^\d+$/.test(name) && number >= 1 && number <= 64 ? number : undefined;
}

export function unknownSignal(name: string): ReturnType<typeof fail> {
  return fail("BAD_SIGNAL", `there is no signal ${JSON.stringify(name)}`, "use a name such as SIGHUP");
}
