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
    summary: "List the volumes that nodes offer, or show one",
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
    flags: NOMAD_FLAGS,
    load: async () => (await import("./volume.ts")).claims,
  },
  {
    name: "plugin status",
    summary: "List CSI plugins",
    operands: "",
    flags: { ...NOMAD_FLAGS, type: value("TYPE", "csi") },
    load: async () => (await import("./volume.ts")).plugins,
  },
  asked("create", { summary: "Make a volume", operands: "FILE", method: "PUT", path: "/v1/volume/host/create" }),
  asked("register", {
    summary: "Register a volume",
    operands: "FILE",
    method: "PUT",
    path: "/v1/volume/host/register",
  }),
  asked("delete", { summary: "Delete a volume", method: "DELETE", path: "/v1/volume/host/:id" }),
  asked("deregister", { summary: "Forget a volume", method: "DELETE", path: "/v1/volume/csi/:id" }),
  asked("detach", { summary: "Detach a volume", method: "DELETE", path: "/v1/volume/csi/:id/detach" }),
  asked("snapshot list", {
    summary: "List snapshots of volumes",
    operands: "",
    method: "GET",
    path: "/v1/volumes/snapshot",
  }),
];
