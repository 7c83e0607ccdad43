import { dependencyKey, type Dependency } from "#base/client/templates/dependencies/dependency.ts";
import type { Holder } from "#base/client/templates/engine/watch-pool.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { HandClock } from "#test/base/client/templates/hand-clock.ts";
import { AgentTemplates } from "#cli/agent/template-access.ts";
import type { SharedPool, TemplateReader } from "#daemons/scheduler/client/templates/template-access.ts";

export interface Asked {
  readonly url: string;
  readonly token: string;
  isOver: boolean;
  /** Ends a query that waits. */
  readonly answer: (value: string) => void;
}

const retry = { enabled: true, attempts: 0, backoffMs: 250, maxBackoffMs: 60_000 };
const template = {
  functionDenylist: [],
  disableFileSandbox: false,
  maxStaleMs: 0,
  blockQueryWaitMs: 300_000,
  wait: { enabled: true, minMs: 0, maxMs: 0 },
  waitBounds: { enabled: true, minMs: 0, maxMs: 0 },
  consulRetry: retry,
  nomadRetry: retry,
  vaultRetry: retry,
};

/** An agent's templates over an API that answers a first question at once and lets the next wait. */
export function sharedTemplates({ acl, ttlMs = 0 }: { readonly acl: boolean; readonly ttlMs?: number }) {
  const real = createEnv({ logLevel: "error" });
  const clock = new HandClock();
  const asked: Asked[] = [];
  const over = new Set<string>();
  let signed = 0;
  const templates = new AgentTemplates({
    env: { ...real, clock },
    settings: template,
    allocsRoot: "/nowhere",
    vault: defaultAgentConfig().vault,
    aclEnabled: acl,
    sign: (reader) => {
      if (over.has(reader.allocId)) return Promise.reject(new Error("allocation is terminal"));
      const token = `${reader.allocId}#${++signed}`;
      return Promise.resolve({ name: "default", token, expiresMs: ttlMs === 0 ? 0 : clock.nowMs() + ttlMs });
    },
  });
  const exchange: Exchange = ({ url, headers, signal }) =>
    new Promise((resolve) => {
      const answer = (value: string): void =>
        resolve({ status: 200, headers: { "x-consul-index": String(asked.length + 1) }, body: value });
      const one = { url, token: headers["x-consul-token"] ?? headers["x-nomad-token"] ?? "", isOver: false, answer };
      asked.push(one);
      signal.addEventListener("abort", () => {
        one.isOver = true;
        resolve({ status: 500, headers: {}, body: "" });
      });
      if (!url.includes("index=")) answer(pair("first"));
    });
  templates.serve(exchange);
  return { templates, clock, asked, over, close: () => templates.stop().then(() => real.close()) };
}

export function pair(text: string): string {
  return JSON.stringify([
    { Key: "a", Value: Buffer.from(text).toString("base64"), Flags: 0, CreateIndex: 1, ModifyIndex: 2, LockIndex: 0 },
  ]);
}

export function reader(allocId: string, more: Partial<TemplateReader> = {}): TemplateReader {
  return { namespace: "default", jobId: "web", group: "g", taskName: "t", allocId, vault: undefined, ...more };
}

export const KEY: Dependency = { kind: "kv.get", key: "a", block: true, datacenter: "", namespace: "", partition: "" };
export const SERVICES: Dependency = { kind: "nomad.services", region: "" };

/** What it is told of, in order. */
export function follow(
  { pool }: SharedPool,
  dependency: Dependency,
): { readonly told: string[]; readonly stop: () => void } {
  const told: string[] = [];
  const holder: Holder = {
    changed: (key) => told.push(JSON.stringify(pool.known(key)?.value)),
    failed: (_, message) => told.push(message),
  };
  pool.settle(holder, new Map([[dependencyKey(dependency), dependency]]));
  return { told, stop: () => pool.release(holder) };
}
