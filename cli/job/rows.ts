import { NOMAD_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const FILE_FLAGS = {
  var: values("NAME=VALUE", "Sets a variable of the job file"),
  "var-file": values("FILE", "Sets variables from a file"),
};
const detach = on("Do not wait for the outcome; print the evaluation's id");

export const JOB_COMMANDS: readonly Command[] = [
  {
    name: "job run",
    summary: "Register a job, or a new version of it, and follow it until it runs",
    operands: "FILE",
    flags: {
      ...NOMAD_FLAGS,
      ...FILE_FLAGS,
      detach,
      output: on("Only print the job as JSON, all defaults filled in"),
      "check-index": value("INDEX", "Only if the job's modify index is still this (0: only if it is new)"),
      "preserve-counts": on("Keep the counts the job has now"),
    },
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "job plan",
    summary: "Say what registering a job would change (exit code 1: something would)",
    operands: "FILE",
    flags: {
      ...NOMAD_FLAGS,
      ...FILE_FLAGS,
      "no-diff": on("Leave the differences out"),
      verbose: on("Show what stays, too"),
    },
    load: async () => (await import("./plan.ts")).plan,
  },
  {
    name: "job validate",
    summary: "Say what is wrong with a job file",
    operands: "FILE",
    flags: { ...NOMAD_FLAGS, ...FILE_FLAGS },
    load: async () => (await import("./validate.ts")).validate,
  },
  {
    name: "job status",
    summary: "List jobs, or show one",
    operands: "[JOB]",
    flags: {
      ...NOMAD_FLAGS,
      short: on("Only what the job is"),
      evals: on("Show evaluations, too"),
      "all-allocs": on("Show allocations of an older job of the same name, too"),
    },
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "job stop",
    summary: "Stop a job",
    operands: "JOB",
    flags: { ...NOMAD_FLAGS, detach, purge: on("Forget the job, too") },
    load: async () => (await import("./stop.ts")).stop,
  },
  {
    name: "job inspect",
    summary: "Print a job as JSON",
    operands: "JOB",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./inspect.ts")).inspect,
  },
  {
    name: "job history",
    summary: "List the kept versions of a job",
    operands: "JOB",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./inspect.ts")).history,
  },
  {
    name: "job scale",
    summary: "Change how many allocations of a group run",
    operands: "JOB [GROUP] COUNT",
    flags: { ...NOMAD_FLAGS, detach },
    load: async () => (await import("./change.ts")).scale,
  },
  {
    name: "job revert",
    summary: "Run an older version of a job again",
    operands: "JOB VERSION",
    flags: { ...NOMAD_FLAGS, detach },
    load: async () => (await import("./change.ts")).revert,
  },
  {
    name: "job eval",
    summary: "Make the scheduler look at a job again",
    operands: "JOB",
    flags: { ...NOMAD_FLAGS, detach, "force-reschedule": on("Place failed allocations again at once") },
    load: async () => (await import("./change.ts")).evaluate,
  },
  {
    name: "job restart",
    summary: "Restart a job's tasks where they are, one allocation after the other",
    operands: "JOB",
    flags: { ...NOMAD_FLAGS, task: value("TASK", "Only this task") },
    load: async () => (await import("./change.ts")).restart,
  },
  {
    name: "job allocs",
    summary: "List a job's allocations",
    operands: "JOB",
    flags: { ...NOMAD_FLAGS, all: on("Those of an older job of the same name, too"), verbose: on("Whole ids") },
    load: async () => (await import("./lists.ts")).allocs,
  },
  {
    name: "job deployments",
    summary: "List a job's deployments",
    operands: "JOB",
    flags: { ...NOMAD_FLAGS, latest: on("Only the newest"), verbose: on("Whole ids") },
    load: async () => (await import("./lists.ts")).deployments,
  },
  {
    name: "job promote",
    summary: "Let a job's deployment go on after its canaries",
    operands: "JOB",
    flags: { ...NOMAD_FLAGS, detach, group: values("GROUP", "Only this group's canaries"), verbose: on("Whole ids") },
    load: async () => (await import("./promote.ts")).promote,
  },
  {
    name: "job scaling-events",
    summary: "List when and why the counts of a job's groups were changed",
    operands: "JOB",
    flags: { ...NOMAD_FLAGS, verbose: on("Whole ids") },
    load: async () => (await import("./scaling-events.ts")).scalingEvents,
  },
  {
    name: "job start",
    summary: "Run a stopped job again as it last was",
    operands: "JOB",
    flags: { ...NOMAD_FLAGS, detach },
    load: async () => (await import("./start.ts")).start,
  },
  {
    name: "job init",
    summary: "Write an example job file",
    operands: "[FILE]",
    flags: { short: on("Without comments") },
    load: async () => (await import("./init.ts")).init,
  },
];
