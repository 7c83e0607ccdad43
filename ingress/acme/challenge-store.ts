import type { ConsulClient } from "#base/client/consul-client.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import { DNS_PROOFS_PREFIX, type DnsProof } from "#base/protocol/dns-proof.ts";
import { CHALLENGE_PATH } from "./challenge-path.ts";
import { dnsProofName, dnsProofText, hasText } from "./dns-proof.ts";
import type { ChallengeAnswer } from "./order.ts";
import { tlsProof } from "./tls-proof.ts";

export interface ChallengeStoreOptions {
  readonly env: Env;
  readonly consul: ConsulClient;
  /** Below it lie answers by their tokens, which every ingress follows. */
  readonly prefix: string;
  /** Below it lie certificates that prove names, which every ingress follows. */
  readonly proofs: string;
  /** Where the ingresses serve HTTP: `http://10.0.0.1:80`. */
  readonly ingresses: () => Promise<readonly string[]>;
  /** The cluster's DNS servers. */
  readonly resolvers: () => Promise<readonly Address[]>;
  /** A new key on P-256, PKCS #8 as PEM. */
  readonly makeKey: () => Promise<string>;
}

export interface ChallengeStore {
  readonly publish: (answer: ChallengeAnswer) => Promise<Result<null>>;
  readonly withdraw: (answer: ChallengeAnswer) => Promise<void>;
}

const PATIENCE_MS = 15_000;
const LOOK_MS = 100;
const TIMEOUT_MS = 2000;

/** Answers to challenges in the cluster's store: whichever ingress or DNS server the authority comes to, it has the answer. */
export function challengeStore(options: ChallengeStoreOptions): ChallengeStore {
  const { env, consul, prefix, proofs, ingresses, resolvers, makeKey } = options;
  const put = async (key: string, value: string): Promise<Result<null>> => {
    const written = await consul.kv.put(key, value);
    return written.ok
      ? succeed(null)
      : fail("acme_store", `cannot store the answer to a challenge: ${written.error.message}`);
  };
  const atIngresses = async (answer: ChallengeAnswer): Promise<Result<null>> => {
    const written = await put(`${prefix}${answer.token}`, answer.authorization);
    if (!written.ok) return written;
    await everywhere(env, await ingresses(), (base) => isServed(env, base, answer));
    return written;
  };
  return {
    async publish(answer) {
      if (answer.kind === "http-01") return atIngresses(answer);
      if (answer.kind === "dns-01") {
        const proof: DnsProof = { name: dnsProofName(answer.name), text: dnsProofText(answer.authorization) };
        const servers = await resolvers();
        if (servers.length === 0)
          return fail(
            "acme_no_dns",
            `${answer.name} can be proven by DNS alone, and no DNS server of the cluster runs`,
            "lares job run packs/dns/dns.nomad.hcl, and delegate _acme-challenge of the domain to it",
          );
        const written = await put(dnsKey(answer), JSON.stringify(proof));
        if (written.ok) await everywhere(env, servers, (server) => hasText(env, server, proof));
        return written;
      }
      const proof = tlsProof(env, { ...answer, key: await makeKey() });
      if (!proof.ok) return proof;
      const written = await put(`${proofs}${answer.name}`, proof.value);
      // An ingress that has the token, which is written later, has the certificate.
      return written.ok ? atIngresses(answer) : written;
    },
    async withdraw(answer) {
      if (answer.kind === "dns-01") await consul.kv.delete(dnsKey(answer));
      else await consul.kv.delete(`${prefix}${answer.token}`);
      if (answer.kind === "tls-alpn-01") await consul.kv.delete(`${proofs}${answer.name}`);
    },
  };
}

function dnsKey({ name, token }: ChallengeAnswer): string {
  return `${DNS_PROOFS_PREFIX}${name}/${token}`;
}

/** One that is gone is not waited for longer than this: the authority will hardly come to it. */
async function everywhere<T>(env: Env, places: readonly T[], has: (place: T) => Promise<boolean>): Promise<void> {
  const deadlineMs = env.clock.monotonicMs() + PATIENCE_MS;
  let left = places;
  while (left.length > 0 && env.clock.monotonicMs() < deadlineMs) {
    const served = await Promise.all(left.map(has));
    left = left.filter((_, at) => served[at] !== true);
    if (left.length > 0) await sleep(env.clock, LOOK_MS);
  }
  if (left.length > 0)
    env.log.warn("not everywhere is the answer to a challenge", {
      missing: left.map((one) => JSON.stringify(one)).join(" "),
    });
}

async function isServed(
  { http }: Env,
  base: string,
  { name, token, authorization }: ChallengeAnswer,
): Promise<boolean> {
  try {
    const url = `${base}${CHALLENGE_PATH}${token}`;
    const answer = await http.request({ url, headers: { host: name }, timeoutMs: TIMEOUT_MS });
    return (await answer.text()).trim() === authorization;
  } catch {
    return false;
  }
}
