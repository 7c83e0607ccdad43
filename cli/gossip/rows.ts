import { CONSUL_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const GOSSIP_COMMANDS: readonly Command[] = [
  {
    name: "members",
    summary: "List the members of the cluster, as gossip sees them (exit code 2: none match)",
    operands: "",
    flags: {
      ...CONSUL_FLAGS,
      detailed: on("Show tags and protocol versions"),
      wan: on("The servers' pool of all datacenters"),
      status: value("REGEX", "Only members in such a state: alive, leaving, left, failed"),
      name: value("REGEX", "Only members of such a name"),
      tag: values("KEY=REGEX", "Only members with such a tag"),
      segment: value("NAME", "Only members of a segment (there is one)"),
    },
    load: async () => (await import("./members.ts")).members,
  },
  {
    name: "join",
    summary: "Join the agent to members of a cluster",
    operands: "ADDRESS…",
    flags: { ...CONSUL_FLAGS, wan: on("No effect: there is one pool") },
    load: async () => (await import("./membership.ts")).join,
  },
  {
    name: "leave",
    summary: "Make the agent leave the cluster, and end",
    operands: "",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./membership.ts")).leave,
  },
  {
    name: "force-leave",
    summary: "Take a member that failed for one that left",
    operands: "NODE",
    flags: { ...CONSUL_FLAGS, prune: on("Forget it at once"), wan: on("No effect: there is one pool") },
    load: async () => (await import("./membership.ts")).forceLeave,
  },
  {
    name: "event",
    summary: "Send an event to the agents",
    operands: "[PAYLOAD]",
    flags: {
      ...CONSUL_FLAGS,
      name: value("NAME", "The event's name"),
      node: value("REGEX", "Only for nodes of such a name"),
      service: value("REGEX", "Only for nodes with an instance of such a service"),
      tag: value("REGEX", "Only for instances with such a tag; needs -service"),
    },
    load: async () => (await import("./event.ts")).event,
  },
  {
    name: "rtt",
    summary: "Estimate the round trip between two nodes",
    operands: "NODE [NODE]",
    flags: { ...CONSUL_FLAGS, wan: on("No effect: there is one pool") },
    load: async () => (await import("./rtt.ts")).rtt,
  },
  {
    name: "keyring",
    summary: "List, install, use or remove the keys gossip is encrypted with",
    operands: "",
    flags: {
      ...CONSUL_FLAGS,
      list: on("Show the keys, and how many members have each"),
      install: value("KEY", "Add a key that decrypts"),
      use: value("KEY", "Make a key the one that encrypts"),
      remove: value("KEY", "Forget a key"),
    },
    load: async () => (await import("./keys.ts")).keyring,
  },
  {
    name: "keygen",
    summary: "Make a key for gossip encryption",
    operands: "",
    flags: {},
    load: async () => (await import("./keys.ts")).keygen,
  },
  {
    name: "info",
    summary: "Show figures of the agent's discovery and gossip",
    operands: "",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./info.ts")).info,
  },
];
