import { createPrivateKey } from "node:crypto";
import * as v from "valibot";
import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { TlsOptions } from "#base/env/http-client.ts";
import { AcmeApi } from "./acme-api.ts";

export interface AccountOptions {
  readonly env: Env;
  readonly consul: ConsulClient;
  /** Where the cluster's account is kept. */
  readonly storeKey: string;
  readonly directory: string;
  /** Told to the authority; empty: none. */
  readonly email: string;
  readonly tls?: TlsOptions | undefined;
  /** A new key on P-256, PKCS #8 as PEM. */
  readonly makeKey: () => Promise<string>;
}

const AccountSchema = v.object({ directory: v.string(), url: v.string(), key: v.string() });

/** The cluster's account with an ACME server, made when there is none (RFC 8555 section 7.3). */
export async function openAccount(options: AccountOptions): Promise<Result<AcmeApi>> {
  const { env, consul, storeKey, directory, email, tls, makeKey } = options;
  const found = await consul.kv.get(storeKey);
  if (!found.ok && found.error.code !== "missing")
    return fail("acme_store", `cannot read the account of ACME: ${found.error.message}`);
  const kept = found.ok ? readAccount(found.value.value[0]?.Value ?? "") : undefined;
  if (kept !== undefined && kept.directory === directory) {
    const api = new AcmeApi({ http: env.http, directory, tls, key: createPrivateKey(kept.key) });
    api.account = kept.url;
    return succeed(api);
  }
  const key = await makeKey();
  const api = new AcmeApi({ http: env.http, directory, tls, key: createPrivateKey(key) });
  const server = await api.directory();
  if (!server.ok) return server;
  const made = await api.post(server.value.newAccount, {
    termsOfServiceAgreed: true,
    ...(email === "" ? {} : { contact: [`mailto:${email}`] }),
  });
  if (!made.ok) return made;
  api.account = made.value.location;
  const written = await consul.kv.put(storeKey, JSON.stringify({ directory, url: api.account, key }));
  if (!written.ok) return fail("acme_store", `cannot keep the account of ACME: ${written.error.message}`);
  env.log.info("has an account with the authority", { directory });
  return succeed(api);
}

function readAccount(base64: string): v.InferOutput<typeof AccountSchema> | undefined {
  const text = Buffer.from(base64, "base64").toString("utf8");
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), AccountSchema), text);
  return read.success ? read.output : undefined;
}
