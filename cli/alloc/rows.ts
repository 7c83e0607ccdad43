import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const EXEC_FLAGS = {
  task: value("TASK", "The task; needed where there are several"),
  i: on("Pass on standard input (default)"),
  t: on("In a terminal (default: when this is one)"),
  e: value("CHARACTER", "At the start of a line, then a dot: leave (default ~; none: never)"),
};
const OF_JOB = {
  job: on("The first operand is a job; take its newest running allocation"),
  group: value("GROUP", "With -job: of this group"),
  verbose: on("Accepted"),
};

const ACTION: Command = {
  name: "action",
  summary: "Run an action of a job's task",
  operands: "ACTION",
  flags: {
    ...NOMAD_FLAGS,
    ...EXEC_FLAGS,
    job: value("JOB", "The job that has the action"),
    group: value("GROUP", "In an allocation of this group"),
    allocation: value("ALLOC", "In this allocation (default: a running one)"),
  },
  load: async () => (await import("./action.ts")).action,
};

export const ALLOC_COMMANDS: readonly Command[] = [
  {
    name: "alloc status",
    summary: "List allocations, or show one: its addresses, tasks and their events",
    operands: "[ALLOC]",
    flags: {
      ...NOMAD_FLAGS,
      short: on("Only the state of its tasks"),
      verbose: on("Whole ids, and how its node was chosen"),
      stats: on("Accepted; what its tasks use is always shown"),
    },
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "alloc logs",
    summary: "Print what a task wrote",
    operands: "ALLOC [TASK]",
    flags: {
      ...NOMAD_FLAGS,
      task: value("TASK", "The task"),
      stdout: on("Standard output (default; with -f both)"),
      stderr: on("Standard error"),
      f: on("Go on with what comes"),
      tail: on("Start near the end"),
      n: value("LINES", "The last so many lines"),
      c: value("BYTES", "The last so many bytes"),
      ...OF_JOB,
    },
    load: async () => (await import("./logs.ts")).logs,
  },
  {
    name: "alloc stop",
    summary: "Stop an allocation; another takes its place",
    operands: "ALLOC",
    flags: {
      ...NOMAD_FLAGS,
      detach: on("Do not wait for the outcome"),
      verbose: on("Accepted"),
      "no-shutdown-delay": on("Without waiting for shutdown_delay"),
    },
    load: async () => (await import("./change.ts")).stop,
  },
  {
    name: "alloc restart",
    summary: "Restart an allocation's tasks where they are",
    operands: "ALLOC [TASK]",
    flags: {
      ...NOMAD_FLAGS,
      task: value("TASK", "Only this task"),
      "all-tasks": on("Tasks that have ended, too"),
      verbose: on("Accepted"),
    },
    load: async () => (await import("./change.ts")).restart,
  },
  {
    name: "alloc signal",
    summary: "Send a signal to an allocation's tasks",
    operands: "ALLOC [TASK]",
    flags: {
      ...NOMAD_FLAGS,
      s: value("SIGNAL", "The signal (default SIGKILL)"),
      task: value("TASK", "Only this task"),
      verbose: on("Accepted"),
    },
    load: async () => (await import("./signal.ts")).signal,
  },
  {
    name: "alloc exec",
    summary: "Run a command in a task",
    operands: "ALLOC COMMAND [ARG...]",
    flagsEndAt: 2,
    flags: {
      ...NOMAD_FLAGS,
      ...EXEC_FLAGS,
      ...OF_JOB,
    },
    load: async () => (await import("./exec.ts")).exec,
  },
  ACTION,
  { ...ACTION, name: "job action" },
  {
    name: "alloc checks",
    summary: "Show the last results of an allocation's checks",
    operands: "ALLOC",
    flags: { ...NOMAD_FLAGS, verbose: on("Accepted") },
    load: async () => (await import("./checks.ts")).checks,
  },
  {
    name: "alloc fs",
    summary: "List a folder of an allocation, or print a file",
    operands: "ALLOC [PATH]",
    flags: {
      ...NOMAD_FLAGS,
      H: on("Sizes in bytes"),
      ...OF_JOB,
      stat: on("Only describe the file"),
      f: on("Go on with what comes"),
      tail: on("Start near the end"),
      n: value("LINES", "The last so many lines"),
      c: value("BYTES", "The last so many bytes"),
    },
    load: async () => (await import("./fs.ts")).fs,
  },
];
