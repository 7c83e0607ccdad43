import { sleep } from "#base/env/clock.ts";
import { readDuration } from "#base/language/duration.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { writeBundle } from "./debug-bundle.ts";
import { askedFor, firmwares, profiled, recorded } from "./debug-sources.ts";
import { redactedLine } from "./redact.ts";
import { redactedText } from "./redact-text.ts";

/** What does not change while one looks, or only says something once. */
const ONCE: readonly string[] = [
  "/v1/agent/self",
  "/v1/agent/host",
  "/v1/agent/members",
  "/v1/agent/health",
  "/v1/namespaces",
  "/v1/node/pools",
  "/v1/operator/raft/configuration",
  "/v1/operator/autopilot/configuration",
  "/v1/operator/autopilot/health",
  "/v1/operator/scheduler/configuration",
];
/** Asked in every pass; of every namespace, where there are namespaces. */
const EACH_PASS: readonly string[] = [
  "/v1/metrics",
  "/v1/jobs",
  "/v1/nodes",
  "/v1/allocations",
  "/v1/evaluations",
  "/v1/deployments",
  "/v1/client/stats",
];
/** More passes than this make a bundle nobody reads. */
const MAX_PASSES = 1000;

/**
 * What somebody who helps needs to know of a cluster: answers of the API at intervals, the log and the events
 * meanwhile, all without secrets, profiles; as `NAME.tar.gz` here, or as a folder below `-output`. What could not be asked stands
 * inside as its error.
 */
export const debug = withNomad(async (session) => {
  const { flags, output, env } = session;
  const durationMs = durationOf(session, "duration", "2m");
  const intervalMs = durationOf(session, "interval", "30s");
  const profileMs = durationOf(session, "pprof-duration", "1s");
  if (intervalMs <= 0) throw new UsageError("-interval takes a duration above 0s");
  const passes = 1 + Math.floor(durationMs / intervalMs);
  if (passes > MAX_PASSES) throw new UsageError(`-interval is too short for -duration: ${passes} passes`);
  const now = env.clock.nowMs();
  const name = `lares-debug-${new Date(now).toISOString().replace(/[-:]/g, "").slice(0, 15)}Z`;
  const files = new Map<string, string>();
  const keep = async (path: string, what: Promise<string>): Promise<void> =>
    void files.set(`${name}/${path}`, await what);
  if (output.terminal && durationMs > 0) output.error(`Looking ${passes} times in ${flags.value("duration") ?? "2m"}`);
  const wanted = { log_level: flags.value("log-level") ?? "debug", plain: true };
  const topics = flags.values("event-topic").flatMap((topic) => (topic === "none" ? [] : [topic]));
  const record = async (path: string, what: Omit<Parameters<typeof recorded>[1], "ms">): Promise<void> =>
    durationMs > 0 ? keep(path, recorded(session, { ...what, ms: durationMs })) : undefined;
  const follow = [
    record("monitor.log", { path: "/v1/agent/monitor", query: wanted, clean: redactedText }),
    ...(flags.values("event-topic").includes("none")
      ? []
      : [record("eventstream.json", { path: "/v1/event/stream", query: eventsOf(topics), clean: redactedLine })]),
  ];
  for (const path of ONCE) await keep(`${path.replace("/v1/", "")}.json`, askedFor(session, path));
  for (const [file, text] of await firmwares(session)) files.set(`${name}/${file}`, text);
  for (let pass = 0; pass < passes; pass++) {
    const began = env.clock.monotonicMs();
    const folder = `interval/${String(pass).padStart(4, "0")}`;
    for (const path of EACH_PASS) await keep(`${folder}/${path.replace("/v1/", "")}.json`, askedFor(session, path));
    if (profileMs > 0)
      for (const [file, text] of await profiled(session, profileMs)) files.set(`${name}/${folder}/${file}`, text);
    const rest = began + intervalMs - env.clock.monotonicMs();
    if (pass + 1 < passes && rest > 0) await sleep(env.clock, rest);
  }
  await Promise.all(follow);
  const written = writeBundle(flags.value("output"), { name, files, seconds: Math.floor(now / 1000) });
  output.line(`Created debug bundle: ${written}`);
  return 0;
});

function eventsOf(topics: readonly string[]) {
  return { namespace: "*", ...(topics.length === 0 ? {} : { topic: topics }) };
}

function durationOf({ flags }: NomadSession, flag: string, otherwise: string): number {
  const duration = readDuration(flags.value(flag) ?? otherwise);
  if (!duration.ok || duration.value < 0) throw new UsageError(`-${flag} takes a duration like 30s`);
  return duration.value / 1e6;
}
