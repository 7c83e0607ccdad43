import type { Env } from "#base/env/env.ts";
import type { HttpClient } from "#base/env/http-client.ts";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import { HttpApi } from "#base/client/templates/sources/http-api.ts";
import { createTemplateSource } from "#base/client/templates/sources/template-source.ts";
import type { Exchange } from "#base/http/exchange.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { createTemplateHost } from "#base/platform/template-host.ts";
import type { TemplateAccess, TemplateReader } from "#daemons/scheduler/client/templates/template-access.ts";
import { exchangeHttp } from "./exchange-http.ts";

export interface AgentTemplatesOptions {
  readonly env: Env;
  readonly config: AgentConfig;
  /** The token of a task's own identity; empty: none is needed. */
  readonly tokenOf: (reader: TemplateReader) => Promise<string>;
}

/** Templates of this node's tasks: they ask this agent's own APIs, each task with what its identity may read. */
export class AgentTemplates implements TemplateAccess {
  readonly #options: AgentTemplatesOptions;
  readonly #pools = new Map<string, WatchPool<Dependency, GoValue>>();
  #http: HttpClient | undefined;

  constructor(options: AgentTemplatesOptions) {
    this.#options = options;
  }

  /** What answers; before that nothing does, and is asked again. */
  serve(exchange: Exchange): void {
    this.#http = exchangeHttp(exchange);
  }

  /** Without access control everybody may read the same; with it, a task reads what its identity may. */
  pool = async (reader: TemplateReader): Promise<WatchPool<Dependency, GoValue>> => {
    const token = this.#options.config.acl.enabled ? await this.#options.tokenOf(reader) : "";
    const key = token === "" ? reader.namespace : `${reader.allocId}/${reader.taskName}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const made = this.#make(reader, token);
    this.#pools.set(key, made);
    return made;
  };

  host: TemplateAccess["host"] = ({ environment, sandbox, folder }) => {
    const { random, clock } = this.#options.env;
    const nowMs = (): number => clock.nowMs();
    return createTemplateHost({ random, nowMs, environment, sandbox, folder, allowPlugins: false, print: () => {} });
  };

  async stop(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.stop()));
  }

  #make({ namespace }: TemplateReader, token: string): WatchPool<Dependency, GoValue> {
    const { env, config } = this.#options;
    const { template } = config.client;
    const http: HttpClient = {
      request: (request) => (this.#http ?? env.http).request(request),
      upgrade: (request) => (this.#http ?? env.http).upgrade(request),
    };
    const address = { origin: "http://agent.internal", socketPath: undefined };
    const api = (name: "consul" | "nomad"): HttpApi =>
      new HttpApi({ http, address, name, headers: () => (token === "" ? {} : { [`x-${name}-token`]: token }) });
    const common = {
      clock: env.clock,
      random: env.random,
      maxStaleMs: template.maxStaleMs,
      waitMs: template.blockQueryWaitMs,
    };
    const source = createTemplateSource({
      env,
      consul: { ...common, api: api("consul"), product: "consul", retry: template.consulRetry },
      nomad: { ...common, api: api("nomad"), product: "nomad", retry: template.nomadRetry, query: { namespace } },
      vault: undefined,
      resolve: (path) => path,
    });
    return new WatchPool<Dependency, GoValue>({ source, log: env.log.child("templates") });
  }
}
