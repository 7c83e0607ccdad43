import { CONSUL_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const LOCK_COMMANDS: readonly Command[] = [
  {
    name: "lock",
    summary: "Run a program while a lock is held",
    operands: "PREFIX COMMAND...",
    flagsEndAt: 2,
    flags: {
      ...CONSUL_FLAGS,
      n: value("COUNT", "How many may hold it at once (default 1)"),
      name: value("TEXT", "Name of the session"),
      try: value("DURATION", "Give up when it is not to be had in this time"),
      timeout: value("DURATION", "The older name of -try"),
      "child-exit-code": on("Exit with 2 when the program fails"),
      "monitor-retry": value("COUNT", "Failed looks at the lock before it counts as lost (default 3)"),
      "pass-stdin": on("The program reads this command's input"),
      shell: value("BOOL", "A command of one word runs in a shell (default true)"),
      verbose: on("Say when it is held"),
    },
    load: async () => (await import("./lock.ts")).lock,
  },
];
