import { createPrivateKey, X509Certificate } from "node:crypto";
import * as v from "valibot";
import { sleep, type Clock } from "#base/env/clock.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { makeSigningRequest } from "#base/language/x509/signing-request.ts";
import type { AcmeApi } from "./acme-api.ts";
import { keyAuthorization } from "./jws.ts";

export interface OrderOptions {
  readonly clock: Clock;
  readonly api: AcmeApi;
  /** Host names, the certificate is for all of them. */
  readonly names: readonly string[];
  /** Of the new certificate, PKCS #8 as PEM. */
  readonly certificateKey: string;
  /** Kinds of challenges that can be answered, the best first. */
  readonly kinds: readonly ChallengeKind[];
  /** Gives the answer where the server will look for it, and resolves when it can be found there. */
  readonly publish: (answer: ChallengeAnswer) => Promise<Result<null>>;
  readonly withdraw: (answer: ChallengeAnswer) => Promise<void>;
  /** Gives up. */
  readonly signal: AbortSignal;
}

export type ChallengeKind = "http-01" | "tls-alpn-01" | "dns-01";

export interface ChallengeAnswer {
  readonly kind: ChallengeKind;
  readonly name: string;
  readonly token: string;
  /** RFC 8555 section 8.1. */
  readonly authorization: string;
}

const DEADLINE_MS = 120_000;
const LOOK_MS = 1000;
const MAX_NAMES = 100;

const OrderSchema = v.object({
  status: v.string(),
  authorizations: v.pipe(v.array(v.string()), v.maxLength(MAX_NAMES)),
  finalize: v.string(),
  certificate: v.optional(v.string(), ""),
  error: v.optional(v.object({ detail: v.optional(v.string(), "") })),
});
const ChallengeSchema = v.object({
  type: v.string(),
  url: v.string(),
  token: v.optional(v.string(), ""),
  error: v.optional(v.object({ detail: v.optional(v.string(), "") })),
});
const AuthorizationSchema = v.object({
  status: v.string(),
  identifier: v.object({ value: v.string() }),
  challenges: v.array(ChallengeSchema),
});

/** A certificate with its chain and its key, PEM, for names that are proven to be ours (RFC 8555 section 7.4). */
export async function orderCertificate(options: OrderOptions): Promise<Result<string>> {
  const { api, names, certificateKey } = options;
  const directory = await api.directory();
  if (!directory.ok) return directory;
  const identifiers = names.map((value) => ({ type: "dns", value }));
  const placed = await api.post(directory.value.newOrder, { identifiers });
  if (!placed.ok) return placed;
  const order = read(OrderSchema, placed.value.body);
  if (!order.ok) return order;
  for (const url of order.value.authorizations) {
    const proven = await prove(options, url);
    if (!proven.ok) return proven;
  }
  const request = makeSigningRequest(names, createPrivateKey(certificateKey));
  if (request === undefined) return fail("acme_key", "the key of the certificate cannot sign");
  const finished = await api.post(order.value.finalize, { csr: Buffer.from(request).toString("base64url") });
  if (!finished.ok) return finished;
  const valid = await until(options, placed.value.location, {
    schema: OrderSchema,
    isOver: ({ status }) => status === "valid" || status === "invalid",
  });
  if (!valid.ok) return valid;
  if (valid.value.status !== "valid")
    return fail("acme_order", `the order for ${names.join(", ")} came to nothing: ${valid.value.error?.detail ?? ""}`);
  const issued = await api.post(valid.value.certificate, undefined);
  if (!issued.ok) return issued;
  const chain = `${issued.value.body.trim()}\n${certificateKey.trim()}\n`;
  return isUsable(chain) ? succeed(chain) : fail("acme_certificate", "the ACME server sent no certificate for our key");
}

/** One name. */
async function prove(options: OrderOptions, url: string): Promise<Result<null>> {
  const { api, kinds, publish, withdraw } = options;
  const asked = await api.post(url, undefined);
  if (!asked.ok) return asked;
  const authorization = read(AuthorizationSchema, asked.value.body);
  if (!authorization.ok) return authorization;
  const { status, identifier, challenges } = authorization.value;
  if (status === "valid") return succeed(null);
  const offered = kinds.flatMap((kind) => {
    const challenge = challenges.find(({ type }) => type === kind);
    return challenge === undefined ? [] : [{ kind, challenge }];
  });
  const [chosen] = offered;
  if (chosen === undefined)
    return fail(
      "acme_challenge",
      `${identifier.value}: the server offers ${challenges.map(({ type }) => type).join(", ")}, of which none can be answered`,
    );
  const { kind, challenge } = chosen;
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(challenge.token))
    return fail("acme_challenge", "the ACME server sent a token that is none");
  const answer: ChallengeAnswer = {
    kind,
    name: identifier.value.replace(/^\*\./, ""),
    token: challenge.token,
    authorization: keyAuthorization(challenge.token, api.key),
  };
  const published = await publish(answer);
  try {
    if (!published.ok) return published;
    const ready = await api.post(challenge.url, {});
    if (!ready.ok) return ready;
    const done = await until(options, url, { schema: AuthorizationSchema, isOver: (now) => now.status !== "pending" });
    if (!done.ok) return done;
    if (done.value.status === "valid") return succeed(null);
    const why = done.value.challenges.find(({ type }) => type === kind)?.error?.detail ?? done.value.status;
    return fail(
      "acme_challenge",
      `${identifier.value} could not be proven by ${kind}: ${why}`,
      "look whether the authority reaches this ingress by that name",
    );
  } finally {
    await withdraw(answer);
  }
}

interface Until<T> {
  readonly schema: v.GenericSchema<unknown, T>;
  readonly isOver: (value: T) => boolean;
}

async function until<T>(
  { api, clock, signal }: OrderOptions,
  url: string,
  { schema, isOver }: Until<T>,
): Promise<Result<T>> {
  const deadlineMs = clock.monotonicMs() + DEADLINE_MS;
  for (;;) {
    const answer = await api.post(url, undefined);
    if (!answer.ok) return answer;
    const value = read(schema, answer.value.body);
    if (!value.ok || isOver(value.value)) return value;
    if (clock.monotonicMs() > deadlineMs)
      return fail("acme_slow", `${url} came to no end within ${DEADLINE_MS / 1000} s`);
    await sleep(clock, Math.max(LOOK_MS, answer.value.retryAfterMs), signal);
    if (signal.aborted) return fail("acme_stopped", "the ingress is being stopped");
  }
}

function read<T>(schema: v.GenericSchema<unknown, T>, text: string): Result<T> {
  const found = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return found.success
    ? succeed(found.output)
    : fail("acme_answer", "the ACME server answered with something else than RFC 8555 has");
}

function isUsable(pem: string): boolean {
  try {
    return new X509Certificate(pem).checkPrivateKey(createPrivateKey(pem));
  } catch {
    return false;
  }
}
