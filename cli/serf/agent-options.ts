import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { readDuration } from "#base/language/duration.ts";
import { nearest } from "#base/language/nearest.ts";
import { text, textMap, texts } from "#base/protocol/schema.ts";
import type { FlagValues } from "../command/command.ts";
import { tagsOf } from "./members.ts";

const optional = v.optional(v.string());
const flag = v.optional(v.boolean());

/** A file of the agent's configuration: the keys of https://github.com/hashicorp/serf/blob/master/docs/agent/options.html.markdown */
const FileSchema = v.object({
  node_name: optional,
  role: optional,
  tags: textMap,
  bind: optional,
  advertise: optional,
  encrypt_key: optional,
  keyring_file: optional,
  log_level: optional,
  profile: optional,
  rpc_addr: optional,
  rpc_auth: optional,
  event_handlers: texts,
  start_join: texts,
  retry_join: texts,
  retry_interval: text,
  retry_max_attempts: v.optional(v.number()),
  replay_on_join: flag,
  snapshot_path: optional,
  rejoin_after_leave: flag,
  leave_on_terminate: flag,
  skip_leave_on_interrupt: flag,
  reconnect_timeout: text,
  tombstone_timeout: text,
});
type ConfigFile = v.InferOutput<typeof FileSchema>;

/** Understood, and without effect here. */
const WITHOUT_EFFECT = [
  "tags_file",
  "protocol",
  "disable_coordinates",
  "disable_name_resolution",
  "enable_syslog",
  "syslog_facility",
  "statsite_addr",
  "statsd_addr",
  "discover",
  "mdns",
  "interface",
  "query_response_size_limit",
  "query_size_limit",
  "user_event_size_limit",
  "broadcast_timeout",
  "reconnect_interval",
  "enable_compression",
];

export interface SerfAgentOptions {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** `HOST[:PORT]` */
  readonly bind: string;
  readonly advertise: string;
  readonly encryptKey: string;
  readonly keyringFile: string;
  readonly logLevel: string;
  readonly profile: string;
  readonly rpcAddress: string;
  readonly rpcAuth: string;
  readonly handlers: readonly string[];
  readonly startJoin: readonly string[];
  readonly retryJoin: readonly string[];
  readonly retryIntervalMs: number;
  /** 0: for ever. */
  readonly retryMax: number;
  readonly replay: boolean;
  readonly snapshotPath: string;
  readonly rejoin: boolean;
  readonly leaveOnTerminate: boolean;
  readonly skipLeaveOnInterrupt: boolean;
  readonly reconnectTimeoutMs: number;
  readonly tombstoneTimeoutMs: number;
}

const DAY_MS = 86_400_000;

/** Flags win over files, later files over earlier ones. Throws with what is wrong where. */
export function readAgentOptions(flags: FlagValues, hostname: string): SerfAgentOptions {
  const paths = [...flags.values("config-file"), ...flags.values("config-dir").flatMap(filesIn)];
  const file = paths.map(readFile).reduce(merge, v.parse(FileSchema, {}));
  const own = (name: string, given: string | undefined): string => flags.value(name) ?? given ?? "";
  const role = own("role", file.role);
  const tags = { ...file.tags, ...tagsOf(flags, "tag"), ...(role === "" ? {} : { role }) };
  const retryMax = flags.value("retry-max");
  return {
    name: own("node", file.node_name) || hostname,
    tags,
    bind: own("bind", file.bind) || "0.0.0.0",
    advertise: own("advertise", file.advertise),
    encryptKey: own("encrypt", file.encrypt_key),
    keyringFile: own("keyring-file", file.keyring_file),
    logLevel: own("log-level", file.log_level).toLowerCase() || "info",
    profile: own("profile", file.profile) || "lan",
    rpcAddress: own("rpc-addr", file.rpc_addr) || "127.0.0.1:7373",
    rpcAuth: own("rpc-auth", file.rpc_auth),
    handlers: [...file.event_handlers, ...flags.values("event-handler")],
    startJoin: [...file.start_join, ...flags.values("join")],
    retryJoin: [...file.retry_join, ...flags.values("retry-join")],
    retryIntervalMs: msOf("retry-interval", own("retry-interval", file.retry_interval), 30_000),
    retryMax: Number(retryMax ?? file.retry_max_attempts ?? 0) || 0,
    replay: flags.on("replay") || file.replay_on_join === true,
    snapshotPath: own("snapshot", file.snapshot_path),
    rejoin: flags.on("rejoin") || file.rejoin_after_leave === true,
    leaveOnTerminate: file.leave_on_terminate === true,
    skipLeaveOnInterrupt: file.skip_leave_on_interrupt === true,
    reconnectTimeoutMs: msOf("reconnect_timeout", file.reconnect_timeout, DAY_MS),
    tombstoneTimeoutMs: msOf("tombstone_timeout", file.tombstone_timeout, DAY_MS),
  };
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .toSorted((a, b) => (a < b ? -1 : 1))
      .map((name) => join(folder, name));
  } catch (error) {
    throw new CodedError("serf_config", `cannot read the folder ${folder}: ${messageOf(error)}`);
  }
}

function readFile(path: string): ConfigFile {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CodedError("serf_config", `cannot read ${path}: ${messageOf(error)}`, "expected an object in JSON");
  }
  const known = [...Object.keys(FileSchema.entries), ...WITHOUT_EFFECT];
  const keys = typeof json === "object" && json !== null ? Object.keys(json) : [];
  const unknown = keys.find((key) => !known.includes(key));
  if (unknown !== undefined) {
    const meant = nearest(unknown, known);
    const hint = meant === undefined ? `known: ${known.join(", ")}` : `did you mean "${meant}"?`;
    throw new CodedError("serf_config", `${path}: unknown key "${unknown}"`, hint);
  }
  const read = v.safeParse(FileSchema, json);
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new CodedError("serf_config", `${path}: ${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
}

function merge(before: ConfigFile, after: ConfigFile): ConfigFile {
  const lists = {
    event_handlers: [...before.event_handlers, ...after.event_handlers],
    start_join: [...before.start_join, ...after.start_join],
    retry_join: [...before.retry_join, ...after.retry_join],
    tags: { ...before.tags, ...after.tags },
  };
  const given = Object.fromEntries(Object.entries(after).filter(([, value]) => value !== undefined && value !== ""));
  return v.parse(FileSchema, { ...before, ...given, ...lists });
}

function msOf(name: string, given: string, otherwise: number): number {
  if (given === "") return otherwise;
  const read = readDuration(given);
  if (read.ok && read.value > 0) return read.value / 1e6;
  throw new CodedError("serf_config", `${name} takes a duration such as 30s, not "${given}"`);
}
