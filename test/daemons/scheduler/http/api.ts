import type { ExecutionContext } from "ava";
import { createApi } from "#base/http/api.ts";
import { nomadDialect } from "#base/http/dialect.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { BlockingQueries } from "#base/state/blocking.ts";
import type { AgentFacts } from "#daemons/scheduler/http/nomad-deps.ts";
import { nomadRoutes } from "#daemons/scheduler/http/nomad-routes.ts";
import { makeNode, startCluster } from "../server/cluster.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly text: string;
  /** The body as JSON. */
  readonly json: any;
}

/** A cluster with its API; requests go through the whole kit, without sockets. */
export async function startApi(
  options: Parameters<typeof startCluster>[0] = {},
  facts: Pick<AgentFacts, "pool" | "jobs" | "servers"> = {},
) {
  const cluster = await startCluster(options);
  const { env, view, server } = cluster;
  const blocking = new BlockingQueries({ view, clock: env.clock, random: env.random });
  const agent = {
    name: "node-1",
    region: "global",
    datacenter: "dc1",
    version: "0.1.0",
    rpcAddress: { host: "127.0.0.1", port: 4647 },
    servesClient: true,
    config: () => ({ Version: { Version: "0.1.0" } }),
    stats: () => ({}),
    ...facts,
  };
  const routes = nomadRoutes({ server, agent });
  const access = (token: string) => server.acl.resolver.access(token);
  const exchange = createApi({ routes, dialect: nomadDialect, env, blocking, compileFilter, access });

  async function send(
    method: string,
    url: string,
    body?: unknown,
    { signal = new AbortController().signal, token = "" }: { signal?: AbortSignal; token?: string } = {},
  ) {
    const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    return exchange({
      method,
      url,
      headers: token === "" ? {} : { "x-nomad-token": token },
      body: (async function* () {
        if (text !== "") yield Buffer.from(text);
      })(),
      remote: { host: "127.0.0.1", port: 1 },
      signal,
    });
  }

  async function call(method: string, url: string, body?: unknown, token = ""): Promise<Answer> {
    const { status, headers, body: out } = await send(method, url, body, { token });
    const parts: Uint8Array[] = [];
    if (typeof out === "string") parts.push(Buffer.from(out));
    else if (out instanceof Uint8Array) parts.push(out);
    else for await (const part of out) parts.push(part);
    const text = Buffer.concat(parts).toString();
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    return {
      status,
      headers: lower,
      text,
      get json() {
        return JSON.parse(text);
      },
    };
  }

  const as = (token: string) => ({
    get: (url: string) => call("GET", url, undefined, token),
    put: (url: string, body?: unknown) => call("PUT", url, body, token),
    delete: (url: string) => call("DELETE", url, undefined, token),
  });
  return {
    cluster,
    routes,
    send,
    /** The same, with a token. */
    as,
    get: (url: string) => call("GET", url),
    put: (url: string, body?: unknown) => call("PUT", url, body),
    delete: (url: string, body?: unknown) => call("DELETE", url, body),
    async stop() {
      blocking.close();
      await cluster.stop();
    },
  };
}

/** One that ends with its test, with these nodes. */
export async function api(t: ExecutionContext, nodes: readonly string[] = ["node-1"]) {
  const started = await startApi();
  t.teardown(() => started.stop());
  for (const id of nodes) await started.cluster.server.link.register(makeNode(id));
  return started;
}

/** As a client sends it: only what a person wrote. */
export const sent = (fields: Record<string, unknown> = {}, group: Record<string, unknown> = {}) => ({
  Job: {
    ID: "app",
    Name: "app",
    Type: "service",
    TaskGroups: [
      { Name: "web", Count: 1, Tasks: [{ Name: "main", Driver: "mock", Config: { run_for: "1h" } }], ...group },
    ],
    ...fields,
  },
});
