import { fail, succeed, type Failure, type Result } from "#base/env/errors.ts";
import { parseDuration } from "#base/language/duration.ts";
import type { AgentCheckDefinition, CheckStatus } from "#base/protocol/catalog.ts";
import type { Thresholds } from "./threshold.ts";

/** How a check finds out. */
export type Probe =
  | { readonly kind: "ttl"; readonly ttlMs: number }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | {
      readonly kind: "http";
      readonly url: string;
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly followRedirects: boolean;
      readonly verifyTls: boolean;
      readonly serverName: string;
    }
  | { readonly kind: "script"; readonly argv: readonly string[] }
  | { readonly kind: "alias"; readonly node: string; readonly serviceId: string }
  /** Stays as it is until it is removed: maintenance mode. */
  | { readonly kind: "fixed" };

/** A check as it runs: everything read, defaults filled in. */
export interface CheckSpec {
  readonly probe: Probe;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly thresholds: Thresholds;
  readonly initialStatus: CheckStatus;
  /** Output kept, in bytes. */
  readonly maxOutputBytes: number;
  /** The service goes when its check was critical this long; undefined: never. */
  readonly deregisterAfterMs: number | undefined;
}

/** Output kept of each run; definitions may ask for less. */
export const MAX_OUTPUT_BYTES = 4096;
/** No check runs more often, whatever it asks for. */
export const MIN_INTERVAL_MS = 1000;
/** A service is not removed sooner than this (documented minimum). */
const MIN_DEREGISTER_AFTER_MS = 60_000;
const HTTP_TIMEOUT_MS = 10_000;
const SCRIPT_TIMEOUT_MS = 30_000;
/** Kinds other agents know and this one does not run: refused rather than passed over. */
const NOT_RUN = ["UDP", "GRPC", "H2PING", "DockerContainerID", "OSService"] as const;

export interface CheckRules {
  readonly enableScriptChecks: boolean;
  readonly nodeName: string;
}

/** Fails with `invalid_check`, naming field and value. */
export function readCheckSpec(definition: AgentCheckDefinition, rules: CheckRules): Result<CheckSpec> {
  const durations = readDurations(definition);
  if (!durations.ok) return durations;
  const { intervalMs, timeoutMs, ttlMs, deregisterAfterMs } = durations.value;
  const probe = readProbe(definition, ttlMs, rules);
  if (!probe.ok) return probe;
  const { kind } = probe.value;
  if (kind !== "ttl" && kind !== "alias" && intervalMs <= 0) {
    return invalid(
      definition,
      "Interval must be above 0 for checks that the agent runs",
      'add an interval such as "10s"',
    );
  }
  const status = readStatus(definition.Status);
  if (!status.ok) return status;
  const critical = definition.FailuresBeforeCritical;
  return succeed({
    probe: probe.value,
    intervalMs: Math.max(intervalMs, MIN_INTERVAL_MS),
    timeoutMs: timeoutMs > 0 ? timeoutMs : kind === "script" ? SCRIPT_TIMEOUT_MS : HTTP_TIMEOUT_MS,
    thresholds: {
      successBeforePassing: definition.SuccessBeforePassing,
      failuresBeforeCritical: critical,
      failuresBeforeWarning: definition.FailuresBeforeWarning ?? critical,
    },
    initialStatus: status.value,
    maxOutputBytes: Math.min(
      definition.OutputMaxSize > 0 ? definition.OutputMaxSize : MAX_OUTPUT_BYTES,
      MAX_OUTPUT_BYTES,
    ),
    deregisterAfterMs: deregisterAfterMs > 0 ? Math.max(deregisterAfterMs, MIN_DEREGISTER_AFTER_MS) : undefined,
  });
}

/** `critical` when the text is empty. */
function readStatus(text: string): Result<CheckStatus> {
  if (text === "" || text === "critical") return succeed("critical");
  if (text === "passing" || text === "warning") return succeed(text);
  return fail("invalid_check", `Invalid check status ${JSON.stringify(text)}: expected passing, warning or critical`);
}

interface Durations {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly ttlMs: number;
  readonly deregisterAfterMs: number;
}

function readDurations(definition: AgentCheckDefinition): Result<Durations> {
  const problems: Failure[] = [];
  const read = (field: string, text: string): number => {
    if (text === "") return 0;
    const ns = parseDuration(text);
    if (ns !== undefined && ns >= 0) return ns / 1e6;
    const message = `expected a duration such as 10s or 1m30s, got ${JSON.stringify(text)}`;
    problems.push({ code: "invalid_check", message: `Invalid check ${field}: ${message}` });
    return 0;
  };
  const value = {
    intervalMs: read("Interval", definition.Interval),
    timeoutMs: read("Timeout", definition.Timeout),
    ttlMs: read("TTL", definition.TTL),
    deregisterAfterMs: read("DeregisterCriticalServiceAfter", definition.DeregisterCriticalServiceAfter),
  };
  return problems[0] === undefined ? succeed(value) : { ok: false, error: problems[0] };
}

function readProbe(definition: AgentCheckDefinition, ttlMs: number, rules: CheckRules): Result<Probe> {
  const unsupported = NOT_RUN.find((field) => definition[field] !== "");
  if (unsupported !== undefined) {
    return invalid(
      definition,
      `${unsupported} checks are not run by this agent`,
      "use TCP, HTTP, TTL, ScriptArgs or an alias",
    );
  }
  const argv = definition.ScriptArgs.length > 0 ? definition.ScriptArgs : definition.Args;
  const named = [
    ttlMs > 0 && "TTL",
    definition.TCP !== "" && "TCP",
    definition.HTTP !== "" && "HTTP",
    argv.length > 0 && "ScriptArgs",
    (definition.AliasService !== "" || definition.AliasNode !== "") && "AliasService",
  ].filter((field) => field !== false);
  if (named.length !== 1) {
    const found = named.length === 0 ? "none" : named.join(", ");
    return invalid(
      definition,
      `exactly one of TTL, TCP, HTTP, ScriptArgs, AliasNode/AliasService is wanted, found ${found}`,
    );
  }
  if (ttlMs > 0) return succeed({ kind: "ttl", ttlMs });
  if (definition.TCP !== "") return readTcp(definition);
  if (definition.HTTP !== "") return readHttp(definition);
  if (argv.length > 0) return readScript(definition, argv, rules);
  const node = definition.AliasNode === "" ? rules.nodeName : definition.AliasNode;
  return succeed({ kind: "alias", node, serviceId: definition.AliasService });
}

function readScript(definition: AgentCheckDefinition, argv: readonly string[], rules: CheckRules): Result<Probe> {
  if (rules.enableScriptChecks) return succeed({ kind: "script", argv });
  return invalid(definition, "Scripts are disabled on this agent", "use a TCP, HTTP or TTL check");
}

function readTcp(definition: AgentCheckDefinition): Result<Probe> {
  if (definition.TCPUseTLS)
    return invalid(definition, "TCPUseTLS is not run by this agent", "use an HTTP check with an https:// URL");
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(definition.TCP) ?? [];
  const port = Number(portText);
  const host = bracketed ?? plain;
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    return invalid(definition, `TCP is ${JSON.stringify(definition.TCP)}, expected HOST:PORT`);
  }
  return succeed({ kind: "tcp", host: host === "" ? "127.0.0.1" : host, port });
}

function readHttp(definition: AgentCheckDefinition): Result<Probe> {
  const url = URL.parse(definition.HTTP);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return invalid(definition, `HTTP is ${JSON.stringify(definition.HTTP)}, expected an http:// or https:// URL`);
  }
  const headers = Object.entries(definition.Header).map(([name, values]) => [name, values.join(", ")] as const);
  return succeed({
    kind: "http",
    url: definition.HTTP,
    method: definition.Method === "" ? "GET" : definition.Method.toUpperCase(),
    headers: Object.fromEntries(headers),
    body: definition.Body,
    followRedirects: !definition.DisableRedirects,
    verifyTls: !definition.TLSSkipVerify,
    serverName: definition.TLSServerName,
  });
}

function invalid(definition: AgentCheckDefinition, problem: string, hint?: string): Result<never> {
  const id = definition.CheckID || definition.ID || definition.Name;
  return fail("invalid_check", `Invalid check${id === "" ? "" : ` ${JSON.stringify(id)}`}: ${problem}`, hint);
}
