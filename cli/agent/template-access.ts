import type { Env } from "#base/env/env.ts";
import type { Log } from "#base/env/log.ts";
import { fail } from "#base/env/errors.ts";
import type { HttpClient } from "#base/env/http-client.ts";
import { dependencyKey, type Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { poolSource } from "#base/client/templates/engine/pool-source.ts";
import type { Source } from "#base/client/templates/engine/source.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import { HttpApi } from "#base/client/templates/sources/http-api.ts";
import { createTemplateSource, type TemplateSourceOptions } from "#base/client/templates/sources/template-source.ts";
import type { Exchange } from "#base/http/exchange.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { createTemplateHost } from "#base/platform/template-host.ts";
import { allocFiles } from "#daemons/scheduler/client/templates/alloc-files.ts";
import type {
  SharedPool,
  TemplateAccess,
  TemplateReader,
} from "#daemons/scheduler/client/templates/template-access.ts";
import type { SignedIdentity } from "#daemons/scheduler/link.ts";
import { exchangeHttp } from "./exchange-http.ts";
import { ReaderToken } from "./reader-token.ts";
import { TaskVault } from "./task-vault.ts";

export interface AgentTemplatesOptions {
  readonly env: Env;
  readonly settings: AgentConfig["client"]["template"];
  /** Where the folders of allocations are; none of their tasks may have `file` read outside of its own. */
  readonly allocsRoot: string;
  /** Whether what a task may read depends on who it is. */
  readonly aclEnabled: boolean;
  /** Signs a task's own identity. Rejects when it is over. */
  readonly sign: (reader: TemplateReader, identity: string) => Promise<SignedIdentity>;
  readonly vault: AgentConfig["vault"];
}

/** Of tasks that log in to Vault with it. https://developer.hashicorp.com/nomad/docs/integrations/vault/acl */
const VAULT_IDENTITY = "vault_default";
const NO_VAULT =
  'this agent knows no Vault: write vault { enabled = true, address = "https://…" } in its configuration';
const NO_BLOCK = "the task has no vault block: add vault { } to it";

interface Asking {
  readonly token?: () => Promise<string>;
  readonly vault?: TemplateSourceOptions["vault"];
}

interface Shared {
  readonly pool: WatchPool<Dependency, GoValue>;
  readonly token: ReaderToken;
}

/**
 * Templates of this node's tasks: they ask this agent's own APIs, each with what its task's identity may read. Without
 * access control everything but a namespace's own services is followed once for the whole node. With it, those share
 * whose rights are the same: policies are bound to namespace, job, group and task, and to nothing else of an identity.
 */
export class AgentTemplates implements TemplateAccess {
  readonly #options: AgentTemplatesOptions;
  readonly #pools = new Map<string, Shared>();
  readonly #ending = new Set<Promise<void>>();
  #common: WatchPool<Placed, GoValue> | undefined;
  #http: HttpClient | undefined;

  constructor(options: AgentTemplatesOptions) {
    this.#options = options;
  }

  /** What answers; before that nothing does, and is asked again. */
  serve(exchange: Exchange): void {
    this.#http = exchangeHttp(exchange);
  }

  /** How many groups of readers there are, and how many things they follow, each counted once per group. */
  get size(): { readonly groups: number; readonly watches: number } {
    const watches = [...this.#pools.values()].reduce((sum, { pool }) => sum + pool.size, 0);
    return { groups: this.#pools.size, watches };
  }

  join = (reader: TemplateReader): SharedPool => {
    const shared = this.#share(reader);
    return reader.vault === undefined ? shared : this.#withVault(reader, shared);
  };

  /** Secrets are a task's own: it logs in for itself, and what it leases ends with it. */
  #withVault(reader: TemplateReader, { pool: rest, leave }: SharedPool): SharedPool {
    const { env, settings, sign, vault: config } = this.#options;
    if (!config.enabled) return { pool: rest, leave, vault: { open: () => Promise.resolve(fail("vault", NO_VAULT)) } };
    const jwt = async (): Promise<string> => (await sign(reader, VAULT_IDENTITY)).token;
    const session = new TaskVault({ env, config, retry: settings.vaultRetry, reader, jwt });
    const source = this.#source(reader.namespace, { vault: session.source });
    const secrets = new WatchPool<Dependency, GoValue>({ source, log: this.#log() });
    const [own, others] = [poolSource(secrets, dependencyKey), poolSource(rest, dependencyKey)];
    const pool = new WatchPool<Dependency, GoValue>({
      source: {
        follow: (dependency, sink, signal) =>
          (dependency.kind.startsWith("vault.") ? own : others).follow(dependency, sink, signal),
      },
      log: undefined,
    });
    const end = (): void => {
      for (const each of [pool, secrets, session]) this.#end(each);
      leave();
    };
    return { pool, leave: end, vault: session };
  }

  #share(reader: TemplateReader): SharedPool {
    const { env, aclEnabled, sign } = this.#options;
    const { namespace, jobId, group, taskName } = reader;
    const key = JSON.stringify(aclEnabled ? [namespace, jobId, group, taskName] : [namespace]);
    let shared = this.#pools.get(key);
    if (shared === undefined) {
      const token = new ReaderToken({ clock: env.clock, sign: (by) => sign(by, "default") });
      shared = { token, pool: this.#make(reader, token) };
      this.#pools.set(key, shared);
    }
    const { pool, token } = shared;
    token.readers.add(reader);
    return { pool, leave: () => this.#leave(key, reader) };
  }

  host: TemplateAccess["host"] = ({ environment, sandbox, folder }) => {
    const { random, clock } = this.#options.env;
    const nowMs = (): number => clock.nowMs();
    return createTemplateHost({ random, nowMs, environment, sandbox, folder, allowPlugins: false, print: () => {} });
  };

  async stop(): Promise<void> {
    for (const { pool } of this.#pools.values()) this.#end(pool);
    this.#pools.clear();
    if (this.#common !== undefined) this.#end(this.#common);
    this.#common = undefined;
    await Promise.all(this.#ending);
  }

  #leave(key: string, reader: TemplateReader): void {
    const shared = this.#pools.get(key);
    if (shared?.token.readers.delete(reader) !== true || shared.token.readers.size > 0) return;
    this.#pools.delete(key);
    this.#end(shared.pool);
  }

  #end(pool: { stop(): Promise<void> }): void {
    const ending = pool.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #make(reader: TemplateReader, token: ReaderToken): WatchPool<Dependency, GoValue> {
    const { aclEnabled } = this.#options;
    if (aclEnabled)
      return new WatchPool({
        source: this.#source(reader.namespace, { token: () => token.current() }),
        log: this.#log(),
      });
    this.#common ??= new WatchPool({ source: this.#placedSource(), log: this.#log() });
    const common = poolSource(this.#common, placedKey);
    const source: Source<Dependency, GoValue> = {
      follow: (dependency, sink, signal) => common.follow(placed(dependency, reader), sink, signal),
    };
    // What it does is said by the pool behind it.
    return new WatchPool({ source, log: undefined });
  }

  #log(): Log {
    return this.#options.env.log.child("templates");
  }

  #placedSource(): Source<Placed, GoValue> {
    const sources = new Map<string, Source<Dependency, GoValue>>();
    return {
      follow: ({ dependency, namespace }, sink, signal) => {
        const source = sources.get(namespace) ?? this.#source(namespace);
        sources.set(namespace, source);
        return source.follow(dependency, sink, signal);
      },
    };
  }

  #source(namespace: string, { token, vault }: Asking = {}): Source<Dependency, GoValue> {
    const { env, settings, allocsRoot } = this.#options;
    const http: HttpClient = {
      request: (request) => (this.#http ?? env.http).request(request),
      upgrade: (request) => (this.#http ?? env.http).upgrade(request),
    };
    const address = { origin: "http://agent.internal", socketPath: undefined };
    const api = (name: "consul" | "nomad"): HttpApi => {
      const headers = token === undefined ? () => ({}) : async () => ({ [`x-${name}-token`]: await token() });
      return new HttpApi({ http, address, name, headers });
    };
    const common = {
      clock: env.clock,
      random: env.random,
      maxStaleMs: settings.maxStaleMs,
      waitMs: settings.blockQueryWaitMs,
    };
    return createTemplateSource({
      env,
      consul: { ...common, api: api("consul"), product: "consul", retry: settings.consulRetry },
      nomad: { ...common, api: api("nomad"), product: "nomad", retry: settings.nomadRetry, query: { namespace } },
      vault,
      noVault: this.#options.vault.enabled ? NO_BLOCK : NO_VAULT,
      resolve: (path) => path,
      ...(settings.disableFileSandbox ? {} : { files: allocFiles(env.disk, allocsRoot) }),
    });
  }
}

/** A dependency and the asker's namespace, where its request names none and means that; else empty. */
interface Placed {
  readonly dependency: Dependency;
  readonly namespace: string;
}

function placed(dependency: Dependency, { namespace }: TemplateReader): Placed {
  const { kind } = dependency;
  return { dependency, namespace: kind === "nomad.services" || kind === "nomad.service" ? namespace : "" };
}

function placedKey({ dependency, namespace }: Placed): string {
  const key = dependencyKey(dependency);
  return namespace === "" ? key : `${key} in ${namespace}`;
}
