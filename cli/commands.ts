import { ACL_COMMANDS } from "./acl/rows.ts";
import { ALERT_COMMANDS } from "./alerts/rows.ts";
import { ALLOC_COMMANDS } from "./alloc/rows.ts";
import { CATALOG_COMMANDS } from "./catalog/rows.ts";
import { CLUSTER_COMMANDS } from "./cluster/rows.ts";
import type { Command, Flag } from "./command/command.ts";
import { DEPLOYMENT_COMMANDS } from "./deployment/rows.ts";
import { DNS_COMMANDS } from "./dns/rows.ts";
import { ENVCONSUL_COMMANDS } from "./envconsul/rows.ts";
import { EVAL_COMMANDS } from "./eval/rows.ts";
import { GOSSIP_COMMANDS } from "./gossip/rows.ts";
import { INGRESS_COMMANDS } from "./ingress/rows.ts";
import { JOB_COMMANDS } from "./job/rows.ts";
import { DHCP_COMMANDS } from "./dhcp/rows.ts";
import { KV_COMMANDS } from "./kv/rows.ts";
import { LAB_COMMANDS } from "./lab/rows.ts";
import { LOCK_COMMANDS } from "./lock/rows.ts";
import { MEMBERSHIP_COMMANDS } from "./membership/rows.ts";
import { NAMESPACE_COMMANDS } from "./namespace/rows.ts";
import { OS_COMMANDS } from "./os/rows.ts";
import { OPERATOR_COMMANDS } from "./operator/rows.ts";
import { QUOTA_COMMANDS } from "./quota/rows.ts";
import { ROLE_COMMANDS } from "./role/rows.ts";
import { ROUTER_COMMANDS } from "./router/rows.ts";
import { SCALING_COMMANDS } from "./scaling/rows.ts";
import { SERIAL_COMMANDS } from "./serial/rows.ts";
import { SERF_COMMANDS } from "./serf/rows.ts";
import { SERVICE_COMMANDS } from "./service/rows.ts";
import { VAR_COMMANDS } from "./var/rows.ts";
import { WATCH_COMMANDS } from "./watch/rows.ts";
import { VOLUME_COMMANDS } from "./volume/rows.ts";
import { NODE_COMMANDS } from "./node/rows.ts";
import { REGISTRATION_COMMANDS } from "./registration/rows.ts";
import { TEMPLATE_COMMANDS } from "./template/rows.ts";

const on = (summary: string): Flag => ({ kind: "switch", summary });

const value = (name: string, summary: string): Flag => ({ kind: "value", value: name, summary });
const values = (name: string, summary: string): Flag => ({ kind: "values", value: name, summary });

const JSON_FLAG: Readonly<Record<string, Flag>> = { json: on("Print JSON") };

/** Every command. Help, completion and parsing derive from these rows. */
export const COMMANDS: readonly Command[] = [
  ...JOB_COMMANDS,
  ...ALLOC_COMMANDS,
  ...EVAL_COMMANDS,
  ...DEPLOYMENT_COMMANDS,
  ...NODE_COMMANDS,
  ...NAMESPACE_COMMANDS,
  ...VAR_COMMANDS,
  ...VOLUME_COMMANDS,
  ...SERVICE_COMMANDS,
  ...SCALING_COMMANDS,
  ...OPERATOR_COMMANDS,
  ...OS_COMMANDS,
  ...QUOTA_COMMANDS,
  ...ACL_COMMANDS,
  ...DHCP_COMMANDS,
  ...KV_COMMANDS,
  ...CATALOG_COMMANDS,
  ...LOCK_COMMANDS,
  ...ALERT_COMMANDS,
  ...WATCH_COMMANDS,
  ...INGRESS_COMMANDS,
  ...REGISTRATION_COMMANDS,
  ...GOSSIP_COMMANDS,
  ...SERF_COMMANDS,
  ...SERIAL_COMMANDS,
  ...MEMBERSHIP_COMMANDS,
  ...LAB_COMMANDS,
  ...CLUSTER_COMMANDS,
  ...TEMPLATE_COMMANDS,
  ...ENVCONSUL_COMMANDS,
  ...DNS_COMMANDS,
  ...ROUTER_COMMANDS,
  {
    name: "agent",
    summary: "Run the agent: scheduler, discovery, DNS and the HTTP APIs",
    operands: "",
    flags: {
      config: values("PATH", "A configuration file (HCL or JSON) or a folder of them; later ones win"),
      dev: on("A cluster of one on loopback that keeps nothing after a clean stop"),
      "data-dir": value("FOLDER", "Where everything is kept"),
      bind: value("ADDRESS", "Address to listen on"),
      node: value("NAME", "This node's name; default: the host's"),
      dc: value("NAME", "The datacenter; default: dc1"),
      "log-level": value("LEVEL", "trace, debug, info, warn or error"),
      "log-json": on("Write the log as JSON"),
      "log-file": value("FILE", "Write the log to a file too"),
      await: values("FILE", "Load the program, then wait until there is this file before anything else"),
      "client-intro-token": value("TOKEN", "Lets this node in where the servers do not know it yet"),
    },
    load: async () => (await import("./agent.ts")).agent,
  },
  {
    name: "config validate",
    summary: "Check configuration files of an agent, together, and start nothing",
    operands: "PATH…",
    flags: {},
    load: async () => (await import("./agent/validate-config.ts")).validateConfig,
  },
  {
    name: "demo",
    summary: "Run a cluster of one on loopback with Redis and a web site on it, until Ctrl-C",
    operands: "",
    flags: { "data-dir": value("FOLDER", "Where everything is kept; default: .lares") },
    load: async () => (await import("./demo.ts")).demo,
  },
  {
    name: "fmt",
    summary: "Lay job and configuration files out in the usual way",
    operands: "[PATH...]",
    flags: {
      check: on("Write nothing; exit code 1 when a file would change"),
      list: on("List the files that change (default; -list=false)"),
      recursive: on("Go into folders inside folders, too"),
      write: on("Write the files (default; -write=false)"),
    },
    load: async () => (await import("./fmt.ts")).fmt,
  },
  {
    name: "version",
    summary: "Print the version",
    operands: "",
    flags: JSON_FLAG,
    load: async () => (await import("./version.ts")).version,
  },
  {
    name: "completion",
    summary: "Print the completion script of a shell: bash, zsh or fish",
    operands: "SHELL",
    flags: {},
    load: async () => (await import("./completion.ts")).completion,
  },
  {
    name: "completion words",
    summary: "Print the words that may follow",
    operands: "-- WORDS",
    flags: {},
    hidden: true,
    load: async () => (await import("./completion.ts")).completionWords,
  },
  ...ROLE_COMMANDS,
  {
    name: "image build",
    summary: "Build a container image from Debian packages, files and commands",
    operands: "FILE",
    flags: {
      ...JSON_FLAG,
      arch: value("ARCH", "amd64 or arm64; default: this machine's"),
      output: value("FILE", "Where to write the archive; default: NAME.tar"),
      load: on("Load it into the Docker engine"),
      layers: values("FOLDER", "More folders with *.layer.hcl files"),
      cache: value("FOLDER", "Where layers and packages are kept"),
      "no-compress": on("Leave the layers uncompressed"),
    },
    load: async () => (await import("./image.ts")).imageBuild,
  },
  {
    name: "image lint",
    summary: "Check the recipe of a container image",
    operands: "FILE",
    flags: { ...JSON_FLAG, layers: values("FOLDER", "More folders with *.layer.hcl files") },
    load: async () => (await import("./image.ts")).imageLint,
  },
  {
    name: "doctor",
    summary: "Say what this machine lacks, and the remedy",
    operands: "",
    flags: JSON_FLAG,
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "setup",
    summary: "Install what this machine lacks (Debian, as root); starts no daemon",
    operands: "",
    flags: { "dry-run": on("Only say what would be done") },
    load: async () => (await import("./setup.ts")).setup,
  },
  {
    name: "setup dns",
    summary: "Let systemd-resolved or dnsmasq pass the cluster's names on to this machine's agent",
    operands: "[resolved|dnsmasq]",
    flags: {
      undo: on("Take the file away again"),
      "dry-run": on("Only say what would be done"),
      domain: value("NAME", "The zone (default consul)"),
      port: value("PORT", "Where the agent answers (default 8600)"),
      etc: value("FOLDER", "Where configuration is (default /etc)"),
    },
    load: async () => (await import("./setup/dns.ts")).setupDns,
  },
];
