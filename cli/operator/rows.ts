import { NOMAD_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command, Flag } from "../command/command.ts";

const truth = (summary: string): Flag => value("true|false", summary);
const PEER: Readonly<Record<string, Flag>> = {
  ...NOMAD_FLAGS,
  "peer-id": value("ID", "The server's id"),
  "peer-address": value("ADDRESS", "The server's address"),
};

/** As the link `consul` has it. */
const BY_CONSUL: Readonly<Record<string, Flag>> = {
  consul: on("Through the discovery API"),
  "http-addr": value("ADDRESS", "With -consul: the discovery API (LARES_CONSUL_ADDR, CONSUL_HTTP_ADDR)"),
};
const SNAPSHOT_FLAGS: Readonly<Record<string, Flag>> = {
  json: on("Print JSON"),
  t: value("TEMPLATE", "Print the answer through a Go template"),
  "key-file": value("FILE", "What it was encrypted with (LARES_SNAPSHOT_KEY)"),
};

export const OPERATOR_COMMANDS: readonly Command[] = [
  {
    name: "operator scheduler get-config",
    summary: "Show how the scheduler is set up",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./scheduler.ts")).getConfiguration,
  },
  {
    name: "operator scheduler set-config",
    summary: "Set the scheduler up; what no flag names stays",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      "check-index": value("INDEX", "Only if its modify index is still this"),
      "scheduler-algorithm": value("NAME", "binpack or spread"),
      "memory-oversubscription": truth("Let tasks use memory up to memory_max"),
      "reject-job-registration": truth("Take no jobs but from management tokens"),
      "pause-eval-broker": truth("Let evaluations wait"),
      "preempt-batch-scheduler": truth("Batch jobs may take the place of less important ones"),
      "preempt-service-scheduler": truth("Services may"),
      "preempt-sysbatch-scheduler": truth("System batch jobs may"),
      "preempt-system-scheduler": truth("System jobs may"),
    },
    load: async () => (await import("./scheduler.ts")).setConfiguration,
  },
  {
    name: "operator autopilot get-config",
    summary: "Show how servers are looked after",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./autopilot.ts")).getConfiguration,
  },
  {
    name: "operator autopilot set-config",
    summary: "Set how servers are looked after",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      "cleanup-dead-servers": truth("Forget dead servers when new ones come"),
      "last-contact-threshold": value("DURATION", "A server silent for longer is unhealthy"),
      "max-trailing-logs": value("COUNT", "A server further behind is unhealthy"),
      "min-quorum": value("COUNT", "Forget no server below so many"),
      "server-stabilization-time": value(
        "DURATION",
        "New servers must stay for so long, and 30s at least, before one server shares its state",
      ),
    },
    load: async () => (await import("./autopilot.ts")).setConfiguration,
  },
  {
    name: "operator autopilot health",
    summary: "Show how the servers are (exit code 1: not well)",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./autopilot.ts")).health,
  },
  {
    name: "operator raft list-peers",
    summary: "List the servers that hold the cluster's state",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./raft.ts")).listPeers,
  },
  {
    name: "operator raft remove-peer",
    summary: "Take a server out that will not come back",
    operands: "",
    flags: PEER,
    load: async () => (await import("./raft.ts")).removePeer,
  },
  {
    name: "operator raft transfer-leadership",
    summary: "Let another server lead",
    operands: "",
    flags: PEER,
    load: async () => (await import("./raft.ts")).transferLeadership,
  },
  {
    name: "operator state",
    summary: "Show where the cluster's state is kept",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./state.ts")).state,
  },
  {
    name: "operator state move",
    summary: "Keep the state elsewhere: in etcd for several servers, in SQLite for one",
    operands: "",
    flags: { ...NOMAD_FLAGS, to: value("etcd|sqlite", "Where to") },
    load: async () => (await import("./state.ts")).moveState,
  },
  {
    name: "operator recover",
    summary:
      "Go on with what this server knows, when most of the servers are lost for good (its agent must be stopped)",
    operands: "",
    flags: {
      config: values("PATH", "The agent's configuration file or folder; later ones win"),
      "data-dir": value("FOLDER", "Where its data is, if the configuration does not say"),
      yes: on("Do not ask"),
      force: on("Even though another server answers"),
      follow: value("ADDRESS:PORT", "Take this server's part of the state from that one, which was recovered"),
    },
    load: async () => (await import("./recover.ts")).recover,
  },
  {
    name: "operator snapshot save",
    summary: "Write everything the cluster knows into a file",
    operands: "[FILE]",
    flags: {
      ...NOMAD_FLAGS,
      ...BY_CONSUL,
      stale: on("Any server may answer"),
      redact: on("Without the keys that secrets are encrypted with"),
    },
    load: async () => (await import("./snapshot.ts")).save,
  },
  {
    name: "operator snapshot restore",
    summary: "Replace everything the cluster knows by a snapshot",
    operands: "FILE",
    flags: {
      ...NOMAD_FLAGS,
      ...BY_CONSUL,
      from: value("TARGET", "FILE is the name of a backup at this target, or latest"),
      force: on("Become the cluster that the snapshot is of, where it is another"),
    },
    load: async () => (await import("./snapshot.ts")).restore,
  },
  {
    name: "operator snapshot status",
    summary: "Show how the backups to every target stand (exit code 1: one fails)",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./backups.ts")).status,
  },
  {
    name: "operator snapshot run",
    summary: "Make a backup now",
    operands: "[TARGET]",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./backups.ts")).run,
  },
  {
    name: "operator snapshot list",
    summary: "List the backups at a target, newest first",
    operands: "TARGET",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./backups.ts")).listFiles,
  },
  {
    name: "operator snapshot get",
    summary: "Fetch a backup; latest stands for the newest",
    operands: "TARGET NAME [FILE]",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./backups.ts")).get,
  },
  {
    name: "operator snapshot inspect",
    summary: "Say what a snapshot holds, without an agent",
    operands: "FILE",
    flags: SNAPSHOT_FLAGS,
    load: async () => (await import("./snapshot-file.ts")).inspect,
  },
  {
    name: "operator snapshot state",
    summary: "Print everything a snapshot holds as JSON, secrets left out, without an agent",
    operands: "FILE",
    flags: SNAPSHOT_FLAGS,
    load: async () => (await import("./snapshot-file.ts")).state,
  },
  {
    name: "operator debug",
    summary:
      "Collect what somebody who helps needs to know into a .tar.gz, without values of env, args, labels, templates and secrets",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      duration: value("DURATION", "Look for so long, and record log and events meanwhile; default: 2m, 0s: once"),
      interval: value("DURATION", "Ask for the state so often meanwhile; default: 30s"),
      "pprof-duration": value("DURATION", "Profile for so long each time, where the agent allows it; default: 1s"),
      "event-topic": values("TOPIC[:KEY]", "Only events of such a topic; none: no events"),
      "log-level": value("LEVEL", "trace, debug (default), info, warn or error"),
      output: value("FOLDER", "Make a folder in this one instead"),
    },
    load: async () => (await import("./debug.ts")).debug,
  },
  {
    name: "operator api",
    summary: "Ask the scheduler's API as it is",
    operands: "PATH",
    flags: {
      ...NOMAD_FLAGS,
      X: value("METHOD", "GET, PUT, POST or DELETE"),
      d: value("BODY", "What to send; @FILE reads it, @- from standard input"),
      filter: value("EXPRESSION", "Only those for which it holds"),
    },
    load: async () => (await import("./api.ts")).api,
  },
  {
    name: "operator metrics",
    summary: "Print the agent's metrics",
    operands: "",
    flags: { ...NOMAD_FLAGS, format: value("FORM", "prometheus; default: JSON"), pretty: on("Indented") },
    load: async () => (await import("./metrics.ts")).metrics,
  },
];
