import * as v from "valibot";

/** Names of fields, by what they look like without case and underscores. */
export type Spelling = ReadonlyMap<string, string>;

/**
 * Clients write the fields of these bodies as `Name`, `name`, `node_meta` or `NodeMeta`: all are taken. Durations may come as
 * nanoseconds. Keys of maps that belong to users (`Meta`, `Header`, …) stay as they are.
 */
export function spelled<T>(schema: v.GenericSchema<unknown, T>, spelling: Spelling): v.GenericSchema<unknown, T> {
  return v.pipe(
    v.unknown(),
    v.transform((body) => respell(body, spelling, 0)),
    schema,
  );
}

const USERS_MAPS = ["Meta", "NodeMeta", "ServiceMeta", "Header", "TaggedAddresses"];
const DURATIONS = ["Interval", "Timeout", "TTL", "DeregisterCriticalServiceAfter", "LockDelay"];
/** Bodies nest three deep; what is deeper is nobody's field. */
const MAX_DEPTH = 8;

function respell(value: unknown, spelling: Spelling, depth: number): unknown {
  if (depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => respell(item, spelling, depth + 1));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    const name = spelling.get(key.toLowerCase().replaceAll("_", "")) ?? key;
    if (typeof item === "number" && DURATIONS.includes(name)) return [name, `${Math.trunc(item)}ns`];
    return [
      name,
      USERS_MAPS.includes(name) ? respellValues(item, spelling, depth) : respell(item, spelling, depth + 1),
    ];
  });
  return Object.fromEntries(entries);
}

function respellValues(map: unknown, spelling: Spelling, depth: number): unknown {
  if (typeof map !== "object" || map === null || Array.isArray(map)) return map;
  return Object.fromEntries(Object.entries(map).map(([key, item]) => [key, respell(item, spelling, depth + 1)]));
}

const NAMES = `
  ID Name Node Address Datacenter Kind Tags TaggedAddresses Meta NodeMeta Port Weights Passing Warning
  EnableTagOverride Service ServiceID ServiceName ServiceTags Check Checks CheckID Notes Status Output
  SkipNodeUpdate ScriptArgs Args TTL HTTP Method Header Body DisableRedirects TCP TCPUseTLS UDP GRPC
  GRPCUseTLS H2PING H2PingUseTLS AliasNode AliasService DockerContainerID Shell OSService TLSServerName
  TLSSkipVerify Interval Timeout OutputMaxSize SuccessBeforePassing FailuresBeforeWarning
  FailuresBeforeCritical DeregisterCriticalServiceAfter Namespace Definition Type ExposedPort LockDelay
  Behavior NodeChecks ServiceChecks Verb ModifyIndex
`;

const QUERY_NAMES = `
  Name Session Token Template Type Regexp RemoveEmptyTags Service Failover NearestN Datacenters Targets Datacenter Peer
  OnlyPassing IgnoreCheckIDs Near Tags NodeMeta ServiceMeta Connect DNS TTL
`;

/** Every field of prepared queries. */
export const QUERY_KEYS: Spelling = spellingOf(QUERY_NAMES);

/** Every field of the bodies the catalog, agent and session routes take. */
export const API_KEYS: Spelling = spellingOf(NAMES);

function spellingOf(names: string): Spelling {
  return new Map(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name.toLowerCase(), name]),
  );
}
