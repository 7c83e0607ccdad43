import { CodedError, messageOf } from "#base/env/errors.ts";
import type { AuditEvent, AuditLog } from "#base/http/audit.ts";
import type { AgentConfig, AuditSinkConfig } from "#base/language/agent-config/config.ts";
import { matchGlob } from "#base/language/glob.ts";
import { openLogFile } from "#base/platform/log-file.ts";
import type { Env } from "#base/env/env.ts";
import type { AuditSink } from "./sink.ts";
import { openSyslog } from "./syslog.ts";

export interface OpenAuditLog {
  readonly log: AuditLog;
  /** Opens files anew, after somebody moved them away. */
  reopen(): void;
  close(): Promise<void>;
}

interface NamedSink {
  readonly config: AuditSinkConfig;
  readonly sink: AuditSink;
}

/** The audit log that the configuration asks for; undefined: none. Throws when a sink cannot be opened. */
export async function openAuditLog(
  env: Env,
  { audit }: Pick<AgentConfig, "audit">,
  dataDir: string,
): Promise<OpenAuditLog | undefined> {
  if (!audit.enabled) return undefined;
  const wanted = audit.sinks.length === 0 ? [DEFAULT_SINK] : audit.sinks;
  const sinks: NamedSink[] = [];
  try {
    for (const config of wanted) sinks.push({ config, sink: await openSink(env, config, dataDir) });
  } catch (thrown) {
    for (const { sink } of sinks) await sink.close();
    throw new CodedError("audit", `the audit log cannot be opened: ${messageOf(thrown)}`, "see audit { sink … }");
  }
  return {
    log: {
      async record(event) {
        if (isFiltered(audit.filters, event)) return;
        const line = `${JSON.stringify(event)}\n`;
        for (const each of sinks) await deliver(env, each, line);
      },
    },
    reopen: () => {
      for (const { sink } of sinks) sink.reopen?.();
    },
    async close() {
      for (const { sink } of sinks) await sink.close();
    },
  };
}

const DEFAULT_SINK: AuditSinkConfig = {
  name: "audit",
  type: "file",
  format: "json",
  deliveryGuarantee: "enforced",
  path: "",
  mode: 0o600,
  rotateBytes: 0,
  rotateDurationMs: 24 * 3600_000,
  rotateMaxFiles: 0,
  address: "",
  facility: "AUTHPRIV",
};

async function openSink(env: Env, config: AuditSinkConfig, dataDir: string): Promise<AuditSink> {
  if (config.type === "syslog") return openSyslog(env, config);
  const path = config.path === "" ? `${dataDir}/audit/audit.log` : config.path;
  const file = openLogFile({
    clock: env.clock,
    path,
    mode: config.mode,
    rotateBytes: config.rotateBytes,
    rotateMs: config.rotateDurationMs,
    maxFiles: config.rotateMaxFiles,
  });
  return { write: (line) => file.append(line), reopen: () => file.reopen(), close: () => file.close() };
}

async function deliver(env: Env, { config, sink }: NamedSink, line: string): Promise<void> {
  try {
    await sink.write(line);
  } catch (thrown) {
    const reason = messageOf(thrown);
    env.log.error("an entry of the audit log is lost", { sink: config.name, reason });
    if (config.deliveryGuarantee === "enforced") {
      throw new CodedError("audit", `the request was stopped: the audit log cannot be written: ${reason}`);
    }
  }
}

/** Filters take events out. The query of an endpoint does not count. */
function isFiltered(filters: AgentConfig["audit"]["filters"], { payload }: AuditEvent): boolean {
  const [path = ""] = payload.request.endpoint.split("?");
  const fits = (patterns: readonly string[], text: string): boolean =>
    patterns.some((pattern) => matchGlob(pattern, text));
  return filters.some(
    ({ endpoints, stages, operations }) =>
      fits(endpoints, path) && fits(stages, payload.stage) && fits(operations, payload.request.operation),
  );
}
