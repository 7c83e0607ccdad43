import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import * as v from "valibot";
import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { makeCertificate, type CertificateRequest } from "#base/language/x509/certificate.ts";
import type { Issue } from "./certificate-keeper.ts";

export interface OwnAuthorityOptions {
  readonly env: Env;
  readonly consul: ConsulClient;
  /** Where the cluster keeps it. */
  readonly storeKey: string;
  /** A new key on P-256, PKCS #8 as PEM. */
  readonly makeKey: () => Promise<string>;
}

const AuthoritySchema = v.object({ certificate: v.string(), key: v.string() });
export type OwnAuthority = v.InferOutput<typeof AuthoritySchema>;

const DAY_MS = 86_400_000;
const AUTHORITY_MS = 3650 * DAY_MS;
const CERTIFICATE_MS = 90 * DAY_MS;
/**
 * An authority is good whatever clock made it: no clock tells an earlier time. What it signs begins now, for some clients take
 * no certificate that is good for more than 825 days (https://support.apple.com/en-us/103769), and is due again where a clock was set back.
 */
const AUTHORITY_FROM_MS = 0;
/** Clocks of clients may be behind. */
const BACKDATED_MS = 3_600_000;
const SERIAL_BYTES = 16;

/**
 * The cluster's authority for names that no public one vouches for, made when there is none. It is not the one that signs
 * nodes: who may write into the ingress's keys must not be able to make a server.
 */
export async function openOwnAuthority(options: OwnAuthorityOptions): Promise<Result<Issue>> {
  const kept = await keep(options);
  if (!kept.ok) return kept;
  const { certificate, key } = kept.value;
  const issuer = { certificate: new X509Certificate(certificate).raw, key: createPrivateKey(key) };
  return succeed(async (name) => {
    const own = await options.makeKey();
    const made = make(options.env, {
      commonName: name.length <= 64 ? name : "",
      lifeMs: CERTIFICATE_MS,
      names: [name],
      isAuthority: false,
      key: createPublicKey(own),
      issuer,
    });
    return made === undefined
      ? fail("ingress_authority", "the cluster's authority cannot sign", `delete the key ${options.storeKey}`)
      : succeed(`${made.trim()}\n${certificate.trim()}\n${own.trim()}\n`);
  });
}

/** Reads a stored authority; undefined: it is none. */
export function readOwnAuthority(text: string): OwnAuthority | undefined {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), AuthoritySchema), text);
  if (!read.success) return undefined;
  try {
    const { certificate, key } = read.output;
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)) ? read.output : undefined;
  } catch {
    return undefined;
  }
}

async function keep({ env, consul, storeKey, makeKey }: OwnAuthorityOptions): Promise<Result<OwnAuthority>> {
  const found = await consul.kv.get(storeKey);
  if (found.ok) {
    const read = readOwnAuthority(Buffer.from(found.value.value[0]?.Value ?? "", "base64").toString("utf8"));
    // Another in its place would be one that no client knows.
    return read === undefined
      ? fail("ingress_authority", `the key ${storeKey} holds no authority`, "delete it for a new one, or restore it")
      : succeed(read);
  }
  if (found.error.code !== "missing") return fail("ingress_store", found.error.message);
  const key = await makeKey();
  const certificate = make(env, {
    commonName: "Lares ingress",
    lifeMs: AUTHORITY_MS,
    names: [],
    isAuthority: true,
    key: createPrivateKey(key),
    issuer: undefined,
  });
  if (certificate === undefined) return fail("ingress_authority", "a new key cannot sign");
  const written = await consul.kv.put(storeKey, JSON.stringify({ certificate, key }), { cas: 0 });
  if (!written.ok || !written.value.value)
    return fail(
      "ingress_store",
      `cannot keep the cluster's authority: ${written.ok ? "there is one now" : written.error.message}`,
    );
  env.log.info("made the cluster's authority for internal names");
  return succeed({ certificate, key });
}

type Parts = Pick<CertificateRequest, "commonName" | "names" | "isAuthority" | "key" | "issuer"> & {
  readonly lifeMs: number;
};

function make({ clock, random }: Env, { lifeMs, ...parts }: Parts): string | undefined {
  const nowMs = clock.nowMs();
  return makeCertificate({
    ...parts,
    fromMs: parts.isAuthority ? AUTHORITY_FROM_MS : nowMs - BACKDATED_MS,
    toMs: nowMs + lifeMs,
    serial: random.bytes(SERIAL_BYTES),
    addresses: [],
  });
}
