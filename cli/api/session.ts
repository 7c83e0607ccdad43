import { readFileSync } from "node:fs";
import { parseAddress } from "#base/client/address.ts";
import type { ApiTarget } from "#base/client/api-caller.ts";
import { createConsulClient, type ConsulClient } from "#base/client/consul-client.ts";
import { createNomadClient, type NomadClient } from "#base/client/nomad-client.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { TlsOptions } from "#base/env/http-client.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { UsageError, type Invocation, type RunCommand } from "../command/command.ts";

/** A command's connection to the cluster. */
export interface NomadSession extends Invocation {
  readonly env: SystemEnv;
  readonly nomad: NomadClient;
  /** The namespace asked for; undefined: the job's own, or the default. */
  readonly namespace: string | undefined;
}

export interface ConsulSession extends Invocation {
  readonly env: SystemEnv;
  readonly consul: ConsulClient;
  readonly datacenter: string | undefined;
}

/** A command that asks the scheduler's API. Flags win over `LARES_*`, these over Nomad's own variables. */
export function withNomad(run: (session: NomadSession) => Promise<number>): RunCommand {
  return async (invocation) => {
    const env = createEnv();
    try {
      const { flags, environment } = invocation;
      const namespace = flags.value("namespace") ?? environment["LARES_NAMESPACE"] ?? environment["NOMAD_NAMESPACE"];
      return await run({
        ...invocation,
        env,
        namespace: namespace === "" ? undefined : namespace,
        nomad: createNomadClient(nomadTarget(invocation, env, namespace)),
      });
    } finally {
      env.close();
    }
  };
}

/** A command that asks the discovery API. Flags win over `LARES_*`, these over Consul's own variables. */
export function withConsul(run: (session: ConsulSession) => Promise<number>): RunCommand {
  return async (invocation) => {
    const env = createEnv();
    try {
      const datacenter = invocation.flags.value("datacenter");
      return await run({ ...invocation, env, datacenter, consul: createConsulClient(consulTarget(invocation, env)) });
    } finally {
      env.close();
    }
  };
}

/** Of the scheduler's API, for commands that need both. */
export function nomadTarget(invocation: Invocation, env: SystemEnv, namespace?: string): ApiTarget {
  const { flags, environment } = invocation;
  const pick = (flag: string, ...names: readonly string[]): string => firstOf(invocation, flag, names);
  return {
    http: env.http,
    address: addressOf(pick("address", "LARES_ADDR", "NOMAD_ADDR") || "http://127.0.0.1:4646"),
    token: pick("token", "LARES_TOKEN", "NOMAD_TOKEN"),
    tls: tlsOf({
      ca: pick("ca-cert", "LARES_CACERT", "NOMAD_CACERT"),
      cert: pick("client-cert", "LARES_CLIENT_CERT", "NOMAD_CLIENT_CERT"),
      key: pick("client-key", "LARES_CLIENT_KEY", "NOMAD_CLIENT_KEY"),
      serverName: pick("tls-server-name", "NOMAD_TLS_SERVER_NAME"),
      verify: !flags.on("tls-skip-verify") && !isTrue(environment["NOMAD_SKIP_VERIFY"]),
    }),
    query: { namespace, region: pick("region", "NOMAD_REGION") },
  };
}

export function consulTarget(invocation: Invocation, env: SystemEnv): ApiTarget {
  const { flags, environment } = invocation;
  const pick = (flag: string, ...names: readonly string[]): string => firstOf(invocation, flag, names);
  const given = pick("http-addr", "LARES_CONSUL_ADDR", "CONSUL_HTTP_ADDR") || "127.0.0.1:8500";
  const scheme = isTrue(environment["CONSUL_HTTP_SSL"]) && !/^\w+:\/\//.test(given) ? "https://" : "";
  const tokenFile = environment["CONSUL_HTTP_TOKEN_FILE"] ?? "";
  return {
    http: env.http,
    address: addressOf(scheme + given),
    token: pick("token", "LARES_TOKEN", "CONSUL_HTTP_TOKEN") || (tokenFile === "" ? "" : readText(tokenFile).trim()),
    tls: tlsOf({
      ca: pick("ca-cert", "LARES_CACERT", "CONSUL_CACERT"),
      cert: pick("client-cert", "LARES_CLIENT_CERT", "CONSUL_CLIENT_CERT"),
      key: pick("client-key", "LARES_CLIENT_KEY", "CONSUL_CLIENT_KEY"),
      serverName: pick("tls-server-name", "CONSUL_TLS_SERVER_NAME"),
      verify: !flags.on("tls-skip-verify") && environment["CONSUL_HTTP_SSL_VERIFY"] !== "false",
    }),
  };
}

function firstOf({ flags, environment }: Invocation, flag: string, names: readonly string[]): string {
  return (
    flags.value(flag) ?? names.map((name) => environment[name]).find((text) => text !== undefined && text !== "") ?? ""
  );
}

function addressOf(text: string): ApiTarget["address"] {
  const parsed = parseAddress(text);
  if (parsed.ok) return parsed.value;
  throw new UsageError(`${parsed.error.message}: ${parsed.error.hint ?? ""}`);
}

function tlsOf(given: Record<"ca" | "cert" | "key" | "serverName", string> & { readonly verify: boolean }): TlsOptions {
  return {
    verify: given.verify,
    ...(given.ca === "" ? {} : { ca: readText(given.ca) }),
    ...(given.cert === "" ? {} : { cert: readText(given.cert) }),
    ...(given.key === "" ? {} : { key: readText(given.key) }),
    ...(given.serverName === "" ? {} : { serverName: given.serverName }),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${path}: ${messageOf(error)}`);
  }
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(1|t|true)$/i.test(text);
}
