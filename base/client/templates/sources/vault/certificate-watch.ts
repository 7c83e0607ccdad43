import { X509Certificate, createPrivateKey } from "node:crypto";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { VaultDependency } from "../../dependencies/dependency.ts";
import type { Certificate } from "../../dependencies/vault-answers.ts";
import type { Sink } from "../../engine/source.ts";
import { Attempts } from "../attempts.ts";
import { SHORTEST_MS } from "./lease.ts";
import { pause } from "./pause.ts";
import { readBody } from "./vault-api.ts";
import type { VaultSourceOptions } from "./vault-options.ts";

type Pki = Extract<VaultDependency, { kind: "vault.pki" }>;

/** A new one is asked for in this part of the old one's life, by chance. */
const RENEW_FROM = 0.87;
const RENEW_TO = 0.93;

const IssuedSchema = v.object({
  data: v.object({
    certificate: v.string(),
    private_key: v.nullish(v.string(), ""),
    issuing_ca: v.nullish(v.string(), ""),
    ca_chain: v.nullish(v.array(v.string()), () => []),
  }),
});

/** Keeps a certificate good: the one in the destination as long as it lasts, then a new one each time. */
export async function followCertificate<V>(
  dependency: Pki,
  options: VaultSourceOptions<V> & { readonly sink: Sink<V> },
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, sink } = options;
  const attempts = new Attempts(options.retry);
  let kept = await keptCertificate(dependency.destination, options);
  while (!signal.aborted) {
    const issued: Result<Certificate> = kept === undefined ? await issue(dependency, options, signal) : succeed(kept);
    kept = undefined;
    if (signal.aborted) return;
    const life = issued.ok ? lifeOf(issued.value.cert) : undefined;
    if (!issued.ok || life === undefined) {
      const retryMs = attempts.failed();
      sink.failed(
        issued.ok ? `vault issued at ${dependency.path} what is no certificate` : issued.error.message,
        retryMs,
      );
      if (retryMs === undefined) return;
      await pause(clock, retryMs, signal);
      continue;
    }
    attempts.succeeded();
    sink.value(options.certificate(issued.value));
    await pause(clock, Math.max(SHORTEST_MS, restOf(life, clock.nowMs(), random.float())), signal);
  }
}

async function issue<V>(
  { path, data }: Pki,
  { api, token }: VaultSourceOptions<V>,
  signal: AbortSignal,
): Promise<Result<Certificate>> {
  const ready = await token.ready(signal);
  if (!ready.ok) return ready;
  const answer = await api.put(path, Object.fromEntries(data), signal);
  const read = answer.ok ? readBody(answer.value, IssuedSchema) : answer;
  if (!read.ok) return read;
  const { certificate, private_key: key, issuing_ca: ca, ca_chain: caChain } = read.value.data;
  return succeed({ cert: `${certificate}\n`, key: `${key}\n`, ca: `${ca}\n`, caChain });
}

/** What an earlier run left in the file, if it is still good. */
async function keptCertificate<V>(
  destination: string,
  { disk, clock, resolve }: VaultSourceOptions<V>,
): Promise<Certificate | undefined> {
  if (destination === "") return undefined;
  const bytes = await disk.read(resolve(destination)).catch(() => undefined);
  const found = bytes === undefined ? fail("missing", "") : readPem(textOf(bytes));
  if (!found.ok) return undefined;
  const life = lifeOf(found.value.cert);
  return life !== undefined && restOf(life, clock.nowMs(), 0) > 0 ? found.value : undefined;
}

/** Certificates and a key in any order; the key says which certificate is the one. */
export function readPem(text: string): Result<Certificate> {
  const blocks = text.match(/-----BEGIN ([A-Z ]+)-----[^]*?-----END \1-----/g) ?? [];
  const key = blocks.find((block) => block.includes("PRIVATE KEY-----"));
  const all = blocks.filter((block) => block.startsWith("-----BEGIN CERTIFICATE-----"));
  if (key === undefined) return fail("missing", "there is no private key");
  const own = all.find((block) => belongs(block, key));
  if (own === undefined) return fail("missing", "there is no certificate of the private key");
  const others = all.filter((block) => block !== own);
  return succeed({
    cert: `${own}\n`,
    key: `${key}\n`,
    ca: others[0] === undefined ? "" : `${others[0]}\n`,
    caChain: others,
  });
}

function belongs(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

interface Life {
  readonly fromMs: number;
  readonly toMs: number;
}

function lifeOf(certificate: string): Life | undefined {
  try {
    const { validFrom, validTo } = new X509Certificate(certificate);
    return { fromMs: Date.parse(validFrom), toMs: Date.parse(validTo) };
  } catch {
    return undefined;
  }
}

function restOf({ fromMs, toMs }: Life, nowMs: number, chance: number): number {
  return fromMs + (toMs - fromMs) * (RENEW_FROM + (RENEW_TO - RENEW_FROM) * chance) - nowMs;
}
