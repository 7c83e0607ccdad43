import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import * as v from "valibot";
import { errorOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { readDuration } from "#base/language/duration.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { redacted } from "./redact.ts";
import { tarOf } from "./tar.ts";

/** Every namespace's, where there are namespaces. */
const PATHS: readonly string[] = [
  "/v1/agent/self",
  "/v1/agent/host",
  "/v1/agent/members",
  "/v1/agent/health",
  "/v1/metrics",
  "/v1/jobs",
  "/v1/nodes",
  "/v1/allocations",
  "/v1/evaluations",
  "/v1/deployments",
  "/v1/namespaces",
  "/v1/node/pools",
  "/v1/operator/raft/configuration",
  "/v1/operator/autopilot/configuration",
  "/v1/operator/autopilot/health",
  "/v1/operator/scheduler/configuration",
];
/** Of the log: more is left out. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;

/**
 * What somebody who helps needs to know of a cluster: answers of the API without secrets, and the log for a while; as
 * `NAME.tar.gz` here, or as a folder below `-output`. What could not be asked stands inside as its error.
 */
export const debug = withNomad(async (session) => {
  const { flags, output, env } = session;
  const duration = readDuration(flags.value("duration") ?? "2m");
  if (!duration.ok || duration.value < 0) throw new UsageError("-duration takes a duration like 30s");
  const now = env.clock.nowMs();
  const name = `lares-debug-${new Date(now).toISOString().replace(/[-:]/g, "").slice(0, 15)}Z`;
  const files = new Map<string, string>();
  for (const path of PATHS) files.set(`${name}${path.replace("/v1", "")}.json`, await asked(session, path));
  if (duration.value > 0) {
    if (output.terminal) output.error(`Reading the log for ${flags.value("duration") ?? "2m"}`);
    files.set(`${name}/monitor.log`, await logFor(session, duration.value / 1e6));
  }
  output.line(
    `Created debug bundle: ${write(flags.value("output"), { name, files, seconds: Math.floor(now / 1000) })}`,
  );
  return 0;
});

async function asked({ nomad }: NomadSession, path: string): Promise<string> {
  const answer = await nomad.call({ path, query: { namespace: "*" }, schema: v.unknown() });
  const value = answer.ok ? redacted(answer.value.value) : { error: answer.error.message };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

async function logFor({ nomad, flags, env }: NomadSession, ms: number): Promise<string> {
  const stop = new AbortController();
  const timer = env.clock.after(ms, () => stop.abort());
  const query = { plain: true, log_level: flags.value("log-level") ?? "debug" };
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    const answer = await nomad.stream({ path: "/v1/agent/monitor", query, signal: stop.signal });
    if (!answer.ok) return `${errorOf(answer.error).message}\n`;
    for await (const chunk of answer.value.body) {
      bytes += chunk.length;
      if (bytes > MAX_LOG_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    if (!stop.signal.aborted) chunks.push(Buffer.from(`the log broke off: ${messageOf(error)}\n`));
  } finally {
    timer.cancel();
  }
  return Buffer.concat(chunks).toString();
}

interface Bundle {
  readonly name: string;
  readonly files: ReadonlyMap<string, string>;
  readonly seconds: number;
}

function write(folder: string | undefined, { name, files, seconds }: Bundle): string {
  const target = folder === undefined ? `${name}.tar.gz` : join(folder, name);
  try {
    if (folder === undefined) {
      writeFileSync(target, gzipSync(tarOf(files, seconds)), { mode: 0o600, flag: "wx" });
      return target;
    }
    for (const [path, text] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
      writeFileSync(join(folder, path), text, { mode: 0o600, flag: "wx" });
    }
    return target;
  } catch (error) {
    throw new CodedError("unwritable", `cannot write ${target}: ${messageOf(error)}`);
  }
}
