import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseAddress, type ApiAddress } from "#base/client/address.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { TlsOptions } from "#base/env/http-client.ts";
import type { ConsulConfig, NomadConfig, SslConfig, VaultConfig } from "./config/schema.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Where a server is and how to speak to it. */
export interface Connection {
  readonly address: ApiAddress;
  readonly tls: TlsOptions | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** What a program that is started should find in its environment to speak to the same server. */
  readonly exported: Readonly<Record<string, string>>;
}

/** Consul, by the configuration, else by the variables its own tools read. */
export function consulConnection(config: ConsulConfig, env: Variables): Connection {
  const token = first(
    config.token,
    fileText(config.tokenFile),
    env["CONSUL_TOKEN"],
    env["CONSUL_HTTP_TOKEN"],
    fileText(first(env["CONSUL_TOKEN_FILE"], env["CONSUL_HTTP_TOKEN_FILE"])),
  );
  const [user, password] = splitOnce(env["CONSUL_HTTP_AUTH"] ?? "");
  const { enabled, username } = config.auth;
  const isOwn = enabled !== false && username !== "";
  const [login, secret] = isOwn ? [username, config.auth.password] : [user, password];
  const auth = basic(login, secret);
  const namespace = first(config.namespace, env["CONSUL_NAMESPACE"]);
  const ssl = withEnvironment(config.ssl, env, {
    prefix: "CONSUL",
    ca: "CACERT",
    verify: env["CONSUL_HTTP_SSL_VERIFY"],
  });
  const given = first(config.address, env["CONSUL_HTTP_ADDR"], "127.0.0.1:8500");
  const isTls = ssl.enabled ?? isTrue(env["CONSUL_HTTP_SSL"]) ?? false;
  return {
    ...place("Consul", given, { ...ssl, enabled: isTls }),
    headers: {
      ...(token === "" ? {} : { "x-consul-token": token }),
      ...(auth === undefined ? {} : { authorization: auth }),
      ...(namespace === "" ? {} : { "x-consul-namespace": namespace }),
    },
    exported: {
      ...present({
        CONSUL_HTTP_ADDR: first(config.address, env["CONSUL_HTTP_ADDR"]),
        CONSUL_HTTP_TOKEN: token,
        CONSUL_HTTP_AUTH: login === "" ? "" : `${login}:${secret}`,
      }),
      CONSUL_HTTP_SSL: String(isTls),
      CONSUL_HTTP_SSL_VERIFY: String(ssl.verify ?? true),
    },
  };
}

export function nomadConnection(config: NomadConfig, env: Variables): Connection & { readonly namespace: string } {
  const token = first(config.token, env["NOMAD_TOKEN"]);
  const [user, password] = splitOnce(env["NOMAD_HTTP_AUTH"] ?? "");
  const auth = config.authUsername === "" ? basic(user, password) : basic(config.authUsername, config.authPassword);
  const ssl = withEnvironment(config.ssl, env, { prefix: "NOMAD", ca: "CACERT", skip: env["NOMAD_SKIP_VERIFY"] });
  const given = first(config.address, env["NOMAD_ADDR"], "http://127.0.0.1:4646");
  return {
    ...place("Nomad", given, ssl),
    headers: {
      ...(token === "" ? {} : { "x-nomad-token": token }),
      ...(auth === undefined ? {} : { authorization: auth }),
    },
    namespace: first(config.namespace, env["NOMAD_NAMESPACE"]),
    exported: config.address === "" ? {} : { NOMAD_ADDR: given },
  };
}

export interface VaultConnection extends Connection {
  readonly namespace: string;
  readonly token: string;
  readonly tokenFile: string;
  readonly renew: boolean;
}

export function vaultConnection(config: VaultConfig, env: Variables): VaultConnection {
  const ssl = withEnvironment(config.ssl, env, { prefix: "VAULT", ca: "CACERT", skip: env["VAULT_SKIP_VERIFY"] });
  const given = first(config.address, env["VAULT_ADDR"], "https://127.0.0.1:8200");
  const namespace = first(config.namespace, env["VAULT_NAMESPACE"]);
  const token = first(config.token, env["VAULT_TOKEN"], config.k8sRole === "" ? homeToken() : "");
  return {
    ...place("Vault", given, ssl),
    headers: {},
    namespace,
    token,
    tokenFile: config.agentTokenFile,
    // Whoever keeps the file renews the token.
    renew: config.renewToken ?? config.agentTokenFile === "",
    exported: present({
      VAULT_ADDR: first(config.address, env["VAULT_ADDR"]),
      VAULT_NAMESPACE: config.namespace,
      VAULT_CACERT: ssl.caCert,
      VAULT_CAPATH: ssl.caPath,
      VAULT_SKIP_VERIFY: ssl.verify === false ? "true" : "",
    }),
  };
}

function place(server: string, given: string, ssl: SslConfig): Pick<Connection, "address" | "tls"> {
  const address = parseAddress(given);
  if (!address.ok)
    throw new CodedError("template_config", `${server}'s address: ${address.error.message}`, address.error.hint);
  const wantsTls = ssl.enabled === true && !/^(?:https?|unix):/i.test(given);
  const { origin, socketPath } = address.value;
  const secured = wantsTls ? origin.replace(/^http:/, "https:") : origin;
  return { address: { origin: secured, socketPath }, tls: secured.startsWith("https:") ? tlsOf(ssl) : undefined };
}

function tlsOf({ cert, key, caCert, caCertBytes, caPath, serverName, verify }: SslConfig): TlsOptions {
  const ca = caCert === "" ? (caCertBytes === "" ? pemFolder(caPath) : caCertBytes) : pemFile(caCert);
  const shown = cert === "" ? undefined : pemFile(cert);
  // A certificate alone: its file holds the key, too.
  const secret = key === "" ? shown : pemFile(key);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(shown === undefined ? {} : { cert: shown }),
    ...(secret === undefined ? {} : { key: secret }),
    ...(serverName === "" ? {} : { serverName }),
    verify: verify ?? true,
  };
}

interface Names {
  readonly prefix: string;
  readonly ca: string;
  readonly verify?: string | undefined;
  readonly skip?: string | undefined;
}

function withEnvironment(ssl: SslConfig, env: Variables, { prefix, ca, verify, skip }: Names): SslConfig {
  const skipped = isTrue(skip);
  return {
    ...ssl,
    verify: ssl.verify ?? isTrue(verify) ?? (skipped === undefined ? null : !skipped),
    caCert: first(ssl.caCert, env[`${prefix}_${ca}`]),
    caPath: first(ssl.caPath, env[`${prefix}_CAPATH`]),
    cert: first(ssl.cert, env[`${prefix}_CLIENT_CERT`]),
    key: first(ssl.key, env[`${prefix}_CLIENT_KEY`]),
    serverName: first(ssl.serverName, env[`${prefix}_TLS_SERVER_NAME`]),
  };
}

function pemFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new CodedError("template_config", `cannot read ${path}: ${messageOf(thrown)}`);
  }
}

function pemFolder(path: string): string | undefined {
  if (path === "") return undefined;
  try {
    return readdirSync(path)
      .toSorted()
      .map((name) => readFileSync(join(path, name), "utf8"))
      .join("\n");
  } catch (thrown) {
    throw new CodedError("template_config", `cannot read the certificates in ${path}: ${messageOf(thrown)}`);
  }
}

function fileText(path: string): string {
  return path === "" ? "" : pemFile(path).trim();
}

/** What `vault login` left. */
function homeToken(): string {
  try {
    return readFileSync(join(homedir(), ".vault-token"), "utf8").trim();
  } catch {
    return "";
  }
}

function basic(user: string, password: string): string | undefined {
  return user === "" ? undefined : `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function splitOnce(text: string): readonly [string, string] {
  const at = text.indexOf(":");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function present(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ""));
}

function first(...texts: readonly (string | undefined)[]): string {
  return texts.find((text) => text !== undefined && text !== "") ?? "";
}

function isTrue(text: string | undefined): boolean | undefined {
  return text === undefined || text === "" ? undefined : ["1", "t", "true", "yes"].includes(text.toLowerCase());
}
