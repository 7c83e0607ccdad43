import { fail, succeed, type Failure, type Result } from "#base/env/errors.ts";
import { parseDuration } from "#base/language/duration.ts";
import type { AgentCheckDefinition, CheckStatus } from "#base/protocol/catalog.ts";
import { invalidCheck, readProbe } from "./read-probe.ts";
import type { Probe } from "./probe.ts";
import type { Thresholds } from "./threshold.ts";

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
const RUNS_PROGRAMS: readonly Probe["kind"][] = ["script", "docker"];
export interface CheckRules {
  readonly enableScriptChecks: boolean;
  readonly nodeName: string;
}

/** Fails with `invalid_check`, naming field and value. */
export function readCheckSpec(definition: AgentCheckDefinition, rules: CheckRules): Result<CheckSpec> {
  const durations = readDurations(definition);
  if (!durations.ok) return durations;
  const { intervalMs, timeoutMs, ttlMs, deregisterAfterMs } = durations.value;
  const probe = readProbe(definition, { ttlMs, ...rules });
  if (!probe.ok) return probe;
  const { kind } = probe.value;
  if (kind !== "ttl" && kind !== "alias" && intervalMs <= 0) {
    return invalidCheck(
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
    timeoutMs: timeoutMs > 0 ? timeoutMs : RUNS_PROGRAMS.includes(kind) ? SCRIPT_TIMEOUT_MS : HTTP_TIMEOUT_MS,
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
