import { createHash } from "node:crypto";
import { LockSession } from "#base/client/templates/dedup/lock-session.ts";
import { SharedSource } from "#base/client/templates/dedup/shared-source.ts";
import { dependencyKey, type Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { poolSource } from "#base/client/templates/engine/pool-source.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import { readShared, type Answer } from "#base/client/templates/sources/template-source.ts";
import type { Env } from "#base/env/env.ts";
import { silentLog } from "#base/env/log.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import type { TemplateToolConfig } from "./config/schema.ts";
import type { ToolSources } from "./sources.ts";

/** Instances that render the same template let one of them ask for all (consul-template's `deduplicate`). */
export interface Deduplication {
  /** What a template with this text asks. */
  readonly poolFor: (text: string, delimiters: readonly string[]) => WatchPool<Dependency, GoValue>;
  readonly stop: () => Promise<void>;
}

const PREFIX = "consul-template/dedup/";
const TTL_MS = 15_000;

/** Undefined: the configuration does not want it, or one run would not gain by it. */
export function deduplication(config: TemplateToolConfig, env: Env, sources: ToolSources): Deduplication | undefined {
  const { enabled, prefix, maxStaleMs, blockQueryWaitMs, ttlMs } = config.deduplicate;
  if (enabled !== true || config.parseOnly) return undefined;
  if (config.once) {
    env.log.info("no de-duplication: this runs once");
    return undefined;
  }
  const { clock, log } = env;
  const root = `${(prefix ?? PREFIX).replace(/\/+$/, "")}/`;
  const blocking = {
    ...sources.consul,
    maxStaleMs: maxStaleMs ?? config.maxStaleMs,
    waitMs: blockQueryWaitMs ?? config.blockQueryWaitMs,
  };
  const session = new LockSession({ clock, log, api: blocking.api, ttlMs: ttlMs ?? TTL_MS });
  // What several templates ask for is asked for once here, too.
  const common = new WatchPool<Dependency, Answer<GoValue>>({ source: sources.answers, log });
  const shared: SharedSource<GoValue>[] = [];
  const pools: WatchPool<Dependency, GoValue>[] = [];
  return {
    poolFor: (text, delimiters) => {
      const source = new SharedSource<GoValue>({
        clock,
        log,
        blocking,
        session,
        folder: `${root}${templateId([text, ...delimiters, sources.namespace])}/`,
        direct: poolSource(common, dependencyKey),
        read: readShared,
      });
      // The common pool says what happens.
      const pool = new WatchPool<Dependency, GoValue>({ source, log: silentLog });
      shared.push(source);
      pools.push(pool);
      source.start();
      return pool;
    },
    stop: async () => {
      await Promise.all([...pools.map((pool) => pool.stop()), ...shared.map((source) => source.stop())]);
      await Promise.all([common.stop(), session.stop()]);
    },
  };
}

/** Others than ours keep their data under the same prefix in a form of their own; no folder of theirs has such a name. */
function templateId(parts: readonly string[]): string {
  return `lares-${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32)}`;
}
