import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Env } from "#base/env/env.ts";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { mapSource, type Source } from "#base/client/templates/engine/source.ts";
import type { BlockingOptions } from "#base/client/templates/sources/blocking.ts";
import { createAnswerSource, type Answer } from "#base/client/templates/sources/template-source.ts";
import { HttpApi } from "#base/client/templates/sources/http-api.ts";
import { VaultApi } from "#base/client/templates/sources/vault/vault-api.ts";
import { VaultToken } from "#base/client/templates/sources/vault/vault-token.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import type { ConsulConfig, NomadConfig, VaultConfig } from "./config/schema.ts";
import { consulConnection, nomadConnection, vaultConnection, type Connection, type Variables } from "./connections.ts";

export interface SourcesConfig {
  readonly consul: ConsulConfig;
  readonly vault: VaultConfig;
  readonly nomad: NomadConfig;
  readonly maxStaleMs: number;
  readonly blockQueryWaitMs: number;
}

export interface ToolSources {
  readonly source: Source<Dependency, GoValue>;
  /** The same with the bodies of the answers. */
  readonly answers: Source<Dependency, Answer<GoValue>>;
  /** How Consul is asked. */
  readonly consul: BlockingOptions;
  /** The namespace of Nomad variables whose path names none. */
  readonly namespace: string;
  /** For the environment of programs: where the servers are. */
  readonly exported: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

/** Everything templates can ask, as the configuration and the environment say. Throws when they contradict themselves. */
export function toolSources(config: SourcesConfig, env: Env, variables: Variables): ToolSources {
  const consul = consulConnection(config.consul, variables);
  const nomad = nomadConnection(config.nomad, variables);
  const vault = vaultOf(config, env, variables);
  const common = {
    clock: env.clock,
    random: env.random,
    maxStaleMs: config.maxStaleMs,
    waitMs: config.blockQueryWaitMs,
  };
  const asking: BlockingOptions = {
    ...common,
    api: apiOf("consul", consul, env),
    product: "consul",
    retry: config.consul.retry,
  };
  const query = nomad.namespace === "" ? {} : { query: { namespace: nomad.namespace } };
  const answers = createAnswerSource({
    env,
    consul: asking,
    nomad: { ...common, api: apiOf("nomad", nomad, env), product: "nomad", retry: config.nomad.retry, ...query },
    vault: { api: vault.api, token: vault.token, retry: config.vault.retry, leases: vault.leases },
    resolve: (path) => resolve(path),
  });
  return {
    source: mapSource(answers, ({ value }) => value),
    answers,
    consul: asking,
    namespace: nomad.namespace,
    exported: { ...consul.exported, ...nomad.exported, ...vault.exported },
    stop: () => vault.token.stop(),
  };
}

function apiOf(name: string, { address, tls, headers }: Connection, { http }: Env): HttpApi {
  return new HttpApi({ http, address, tls, name, headers: () => headers });
}

function vaultOf({ vault: config }: SourcesConfig, env: Env, variables: Variables) {
  const { address, tls, namespace, exported, ...found } = vaultConnection(config, variables);
  const { k8sRole, k8sToken, k8sTokenPath, k8sMount } = config;
  const token = new VaultToken({
    clock: env.clock,
    disk: env.disk,
    log: env.log,
    retry: config.retry,
    token: found.token,
    tokenFile: found.tokenFile === "" ? "" : resolve(found.tokenFile),
    unwrap: config.unwrapToken,
    renew: found.renew,
    login:
      k8sRole === ""
        ? undefined
        : {
            path: `auth/${k8sMount.replaceAll(/^\/+|\/+$/g, "")}/login`,
            role: k8sRole,
            jwt: () => Promise.resolve(k8sToken === "" ? readFileSync(k8sTokenPath, "utf8").trim() : k8sToken),
          },
  });
  const { userAgent } = config;
  const api = new VaultApi({ http: env.http, address, tls, namespace, userAgent, token: () => token.current });
  token.use(api);
  const leases = { defaultLeaseMs: config.defaultLeaseMs, threshold: config.leaseRenewalThreshold };
  return { api, token, leases, exported };
}
