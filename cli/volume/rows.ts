import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const asked = (
  name: string,
  {
    summary,
    operands = "VOLUME",
    method,
    path,
  }: {
    readonly summary: string;
    readonly operands?: string;
    readonly method: "GET" | "PUT" | "DELETE";
    readonly path: string;
  },
): Command => ({
  name: `volume ${name}`,
  summary: `${summary} (the server says why not)`,
  operands,
  flags: NOMAD_FLAGS,
  load: async () => (await import("../api/pass-on.ts")).passOn(method, path),
});

export const VOLUME_COMMANDS: readonly Command[] = [
  {
    name: "volume status",
    summary: "List host volumes, or show one",
    operands: "[VOLUME]",
    flags: {
      ...NOMAD_FLAGS,
      type: value("TYPE", "host (default) or csi"),
      node: value("NODE", "Only those of this node, by its id"),
      "node-pool": value("POOL", "Only those of this pool's nodes"),
      verbose: on("Whole ids"),
    },
    load: async () => (await import("./volume.ts")).status,
  },
  {
    name: "volume claim list",
    summary: "List the claims of volumes",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      job: value("JOB", "Only those of this job"),
      group: value("GROUP", "Only those of this group"),
      "volume-name": value("VOLUME", "Only those of this volume"),
    },
    load: async () => (await import("./volume.ts")).claims,
  },
  {
    name: "plugin status",
    summary: "List CSI plugins",
    operands: "",
    flags: { ...NOMAD_FLAGS, type: value("TYPE", "csi") },
    load: async () => (await import("./volume.ts")).plugins,
  },
  {
    name: "volume claim delete",
    summary: "Let a job go from the volume that it keeps to",
    operands: "CLAIM",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./volume-change.ts")).removeClaim,
  },
  {
    name: "volume create",
    summary: "Make a host volume, or change the one whose id is given",
    operands: "FILE",
    flags: { ...NOMAD_FLAGS, id: value("ID", "Change this volume") },
    load: async () => (await import("./volume-change.ts")).create,
  },
  {
    name: "volume register",
    summary: "Make known a host volume that is there already",
    operands: "FILE",
    flags: { ...NOMAD_FLAGS, id: value("ID", "Change this volume") },
    load: async () => (await import("./volume-change.ts")).register,
  },
  {
    name: "volume delete",
    summary: "Delete a host volume and what is in it",
    operands: "VOLUME",
    flags: {
      ...NOMAD_FLAGS,
      type: value("TYPE", "host (default)"),
      force: on("Forget it where its node does not answer; what is there stays"),
    },
    load: async () => (await import("./volume-change.ts")).remove,
  },
  {
    name: "volume init",
    summary: "Write an example volume to start from",
    operands: "[FILE]",
    flags: {},
    load: async () => (await import("./volume-change.ts")).init,
  },
  asked("deregister", { summary: "Forget a volume", method: "DELETE", path: "/v1/volume/csi/:id" }),
  asked("detach", { summary: "Detach a volume", method: "DELETE", path: "/v1/volume/csi/:id/detach" }),
  asked("snapshot list", {
    summary: "List snapshots of volumes",
    operands: "",
    method: "GET",
    path: "/v1/volumes/snapshot",
  }),
];
