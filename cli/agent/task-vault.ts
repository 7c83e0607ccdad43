import { readFileSync } from "node:fs";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { TlsOptions } from "#base/env/http-client.ts";
import { parseAddress } from "#base/client/address.ts";
import type { TemplateSourceOptions } from "#base/client/templates/sources/template-source.ts";
import { VaultApi } from "#base/client/templates/sources/vault/vault-api.ts";
import { VaultToken } from "#base/client/templates/sources/vault/vault-token.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { TemplateReader, VaultSession } from "#daemons/scheduler/client/templates/template-access.ts";

export interface TaskVaultOptions {
  readonly env: Env;
  readonly config: AgentConfig["vault"];
  readonly retry: AgentConfig["client"]["template"]["vaultRetry"];
  readonly reader: TemplateReader;
  /** The task's identity for Vault, a JWT. Rejects when it has none. */
  readonly jwt: () => Promise<string>;
}

/** consul-template's defaults for leases that name no end. */
const LEASES = { defaultLeaseMs: 5 * 60_000, threshold: 0.9 };

/** One task's way to Vault: its own login and token, which is renewed for as long as the task runs. */
export class TaskVault implements VaultSession {
  readonly #options: TaskVaultOptions;
  #token: VaultToken | undefined;
  #failure = "the task has no vault block: add vault { } to it";
  readonly #api: VaultApi;

  /** Throws when the configuration names files that cannot be read. */
  constructor(options: TaskVaultOptions) {
    this.#options = options;
    const { env, config, reader } = options;
    const address = parseAddress(config.address);
    if (!address.ok) throw new Error(`vault's address: ${address.error.message}`);
    this.#api = new VaultApi({
      http: env.http,
      address: address.value,
      tls: address.value.origin.startsWith("https:") ? tlsOf(config) : undefined,
      namespace: reader.vault?.namespace === "" ? config.namespace : (reader.vault?.namespace ?? config.namespace),
      userAgent: "lares",
      token: () => this.#token?.current ?? "",
    });
  }

  /** What `createTemplateSource` asks. */
  get source(): NonNullable<TemplateSourceOptions["vault"]> {
    const token = {
      ready: (signal: AbortSignal): Promise<Result<void>> =>
        this.#token?.ready(signal) ?? Promise.resolve(fail("no_vault", this.#failure)),
    };
    return { api: this.#api, token, retry: this.#options.retry, leases: LEASES };
  }

  async open(kept: string, signal: AbortSignal): Promise<Result<string>> {
    const { env, config, retry, reader, jwt } = this.#options;
    const role = reader.vault?.role === "" ? config.createFromRole : (reader.vault?.role ?? "");
    const token = new VaultToken({
      clock: env.clock,
      disk: env.disk,
      log: env.log.child("vault"),
      retry,
      token: kept,
      tokenFile: "",
      unwrap: false,
      renew: true,
      login: { path: `auth/${config.jwtAuthBackendPath}/login`, role, jwt },
    }).use(this.#api);
    this.#token = token;
    try {
      const ready = await token.ready(signal);
      if (ready.ok) return succeed(token.current);
      this.#failure = `the task cannot log in to vault: ${ready.error.message}`;
    } catch (thrown) {
      this.#failure = `the task cannot log in to vault: ${messageOf(thrown)}`;
    }
    return fail("vault", this.#failure);
  }

  async stop(): Promise<void> {
    await this.#token?.stop();
  }
}

function tlsOf({ caFile, certFile, keyFile, tlsServerName, tlsSkipVerify }: AgentConfig["vault"]): TlsOptions {
  return {
    ...(caFile === "" ? {} : { ca: readFileSync(caFile, "utf8") }),
    ...(certFile === "" ? {} : { cert: readFileSync(certFile, "utf8") }),
    ...(keyFile === "" ? {} : { key: readFileSync(keyFile, "utf8") }),
    ...(tlsServerName === "" ? {} : { serverName: tlsServerName }),
    verify: !tlsSkipVerify,
  };
}
