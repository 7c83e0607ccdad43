import { CONSUL_FLAGS, NOMAD_FLAGS, on, value, values } from "../api/flags.ts";
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
    summary:
      "Make this machine a member of a cluster by a join line (ADDRESS TOKEN), or have the agent gossip with others",
    operands: "[ADDRESS TOKEN | ADDRESS…]",
    flags: {
      ...CONSUL_FLAGS,
      wan: on("No effect: there is one pool"),
      look: on(
        "Look for a cluster on the local network and ask it; `lares node approve CODE` there lets this machine in",
      ),
      found: on("With -look: found a cluster when there is none"),
      server: on("With TOKEN: become a server"),
      config: value(
        "PATH",
        "With TOKEN: configuration file or folder, written where there is none (default: /etc/lares)",
      ),
      "data-dir": value("FOLDER", "With TOKEN: where everything is kept; default: /var/lib/lares"),
      bind: value("ADDRESS", "With TOKEN: address to listen on; default: all"),
      node: value("NAME", "With TOKEN: this node's name; default: the host's"),
      "no-start": on("With TOKEN: leave the agent to be started by hand"),
      json: on("With TOKEN: print JSON"),
    },
    load: async () => async (invocation) => {
      const isToken = invocation.operands.some((each) => /^lares\d+\./.test(each));
      if (invocation.flags.on("look")) return (await import("../membership/look.ts")).look(invocation);
      if (isToken) return (await import("../membership/join.ts")).joinCluster(invocation);
      return (await import("./membership.ts")).join(invocation);
    },
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
    name: "exec",
    summary: "Run a command on many nodes (exit code 1: on none; 2: it failed somewhere)",
    operands: "COMMAND…",
    flagsEndAt: 1,
    flags: {
      ...CONSUL_FLAGS,
      node: value("REGEX", "Only nodes of such a name"),
      service: value("REGEX", "Only nodes with an instance of such a service"),
      tag: value("REGEX", "Only instances with such a tag; needs -service"),
      wait: value("DURATION", "How long to wait for another sign of life; default: 2s"),
      "wait-repl": value("DURATION", "How long the command may take to reach the other servers; default: 200ms"),
      prefix: value("KEY", "Where the keys of commands are; default: _rexec"),
      shell: value("BOOL", "Whether a shell runs the command (default: true)"),
      verbose: on("Show what the nodes say beside the output"),
    },
    load: async () => (await import("./exec.ts")).exec,
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
  {
    name: "reload",
    summary: "Have the agent read its configuration again",
    operands: "",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./reload.ts")).reload,
  },
  {
    name: "operator gossip keyring generate",
    summary: "Make a key for gossip encryption",
    operands: "",
    flags: {},
    load: async () => (await import("./keys.ts")).keygen,
  },
  {
    name: "operator gossip keyring list",
    summary: "List the keys gossip is encrypted with, and how many members have each",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./nomad-keys.ts")).list,
  },
  {
    name: "operator gossip keyring install",
    summary: "Give all members a key that decrypts",
    operands: "KEY",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./nomad-keys.ts")).install,
  },
  {
    name: "operator gossip keyring use",
    summary: "Make a key the one that encrypts",
    operands: "KEY",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./nomad-keys.ts")).use,
  },
  {
    name: "operator gossip keyring remove",
    summary: "Make all members forget a key",
    operands: "KEY",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./nomad-keys.ts")).remove,
  },
];
