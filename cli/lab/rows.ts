import { on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const DIR = { dir: value("FOLDER", "Where the lab is; default: a folder in /tmp") } as const;
const JSON_FLAG = { json: on("Print JSON") } as const;

const faults = [
  [
    "kill",
    "Kill a node with all its tasks, as if its machine lost power",
    async () => (await import("./faults.ts")).kill,
  ],
  ["start", "Bring a node back that was killed", async () => (await import("./faults.ts")).start],
  ["pause", "Make a node's agent stand still", async () => (await import("./faults.ts")).pause],
  ["resume", "Let a paused node go on", async () => (await import("./faults.ts")).resume],
  [
    "partition",
    "Cut a node off from all others (labs with networks of their own)",
    async () => (await import("./faults.ts")).partition,
    {
      from: value("NODES", "From these alone, such as server2,server3; default: from all others, and this machine"),
      direction: value("WAY", "in: it hears nothing; out: nobody hears it; default: both"),
    },
  ],
  ["heal", "Undo a partition, slowness, a slow or full disk", async () => (await import("./faults.ts")).heal],
  [
    "slow",
    "Make all that a node says and hears late, and lose some of it (labs with networks of their own)",
    async () => (await import("./faults.ts")).slow,
    {
      delay: value("DURATION", "One way, such as 50ms"),
      loss: value("PERCENT", "Of what is said each way; default: 0"),
    },
  ],
  [
    "skew",
    "Set the clock of a node's agent wrong, or right again (-by=0s)",
    async () => (await import("./faults.ts")).skew,
    { by: value("DURATION", "By how much, such as 90s or -1h") },
  ],
  [
    "slow-disk",
    "Let the disk of a node's agent and etcd take few writes a second (takes root and control groups of the first version)",
    async () => (await import("./faults.ts")).slowDiskOf,
    { writes: value("COUNT", "In a second; default: 20") },
  ],
  ["fill-disk", "Fill a node's disk (labs with -disk)", async () => (await import("./faults.ts")).fillDisk],
] as const;

export const LAB_COMMANDS: readonly Command[] = [
  {
    name: "lab up",
    summary: "Build a whole cluster on this machine, and wait until it is ready",
    operands: "",
    flags: {
      ...DIR,
      ...JSON_FLAG,
      servers: value("COUNT", "How many servers; default: 1"),
      clients: value("COUNT", "How many nodes that are no servers; default: 2"),
      network: value(
        "KIND",
        "namespaces (each node has a network of its own; takes root) or loopback; default: what is possible",
      ),
      disk: value("SIZE", "Gives each node a disk of its own of this size, in memory (takes root), such as 512MB"),
      docker: value(
        "ENDPOINT",
        "own (each client runs a Docker engine; takes networks of their own), shared (DOCKER_HOST, or this machine's), or an endpoint for all; default: what is possible",
      ),
    },
    load: async () => (await import("./up.ts")).up,
  },
  {
    name: "lab status",
    summary: "List the nodes of the lab",
    operands: "",
    flags: { ...DIR, ...JSON_FLAG },
    load: async () => (await import("./up.ts")).status,
  },
  {
    name: "lab down",
    summary: "End the lab, and take away all of it",
    operands: "",
    flags: DIR,
    load: async () => (await import("./up.ts")).down,
  },
  {
    name: "lab add",
    summary: "Let another node join the lab",
    operands: "",
    flags: { ...DIR, server: on("It is a server") },
    load: async () => (await import("./add.ts")).add,
  },
  {
    name: "lab load",
    summary: "Load a container image, as `image build` writes it, into the Docker engine of every client",
    operands: "FILE",
    flags: DIR,
    load: async () => (await import("./load.ts")).load,
  },
  {
    name: "lab relay",
    summary: "Carry frames between two network devices that it makes: what `lab slow` puts before a node",
    operands: "NAME NAME",
    flags: { delay: value("MS", "One way, in milliseconds"), loss: value("PERCENT", "Of each direction") },
    load: async () => (await import("./relay.ts")).relay,
  },
  ...faults.map(([name, summary, load, flags]): Command => ({
    name: `lab ${name}`,
    summary,
    operands: "NODE",
    flags: { ...DIR, ...flags },
    load,
  })),
];
