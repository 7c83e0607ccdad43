import { NOMAD_FLAGS, on, values } from "../api/flags.ts";
import type { Command, Flag } from "../command/command.ts";

const FLAGS: Readonly<Record<string, Flag>> = { ...NOMAD_FLAGS, verbose: on("Whole ids") };
const FOLLOWED: Readonly<Record<string, Flag>> = {
  ...FLAGS,
  detach: on("Do not wait for the outcome; print the evaluation's id"),
};

export const DEPLOYMENT_COMMANDS: readonly Command[] = [
  {
    name: "deployment list",
    summary: "List deployments",
    operands: "",
    flags: FLAGS,
    load: async () => (await import("./deployment.ts")).list,
  },
  {
    name: "deployment status",
    summary: "List deployments, or show one",
    operands: "[DEPLOYMENT]",
    flags: { ...FLAGS, monitor: on("Follow it until it has ended") },
    load: async () => (await import("./deployment.ts")).status,
  },
  {
    name: "deployment promote",
    summary: "Let a deployment go on after its canaries",
    operands: "DEPLOYMENT",
    flags: { ...FOLLOWED, group: values("GROUP", "Only this group's canaries") },
    load: async () => (await import("./change.ts")).promote,
  },
  {
    name: "deployment fail",
    summary: "End a deployment as failed; with auto_revert the last stable version returns",
    operands: "DEPLOYMENT",
    flags: FOLLOWED,
    load: async () => (await import("./change.ts")).fail,
  },
  {
    name: "deployment pause",
    summary: "Stop a deployment from placing or replacing more until it is resumed",
    operands: "DEPLOYMENT",
    flags: FLAGS,
    load: async () => (await import("./change.ts")).pause,
  },
  {
    name: "deployment resume",
    summary: "Let a paused deployment go on",
    operands: "DEPLOYMENT",
    flags: FOLLOWED,
    load: async () => (await import("./change.ts")).resume,
  },
  {
    name: "deployment unblock",
    summary: "Let a deployment that waits for other regions go on",
    operands: "DEPLOYMENT",
    flags: FOLLOWED,
    load: async () => (await import("./change.ts")).unblock,
  },
];
