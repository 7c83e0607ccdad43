import { createHash, verify, X509Certificate } from "node:crypto";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { integer, octets, oid, readDer, sequence, type DerValue } from "#base/language/x509/der.ts";

/** What is asked about a certificate, and whom (RFC 6960). */
export interface OcspQuestion {
  readonly url: string;
  readonly request: Uint8Array;
  readonly certId: Uint8Array;
  readonly issuer: X509Certificate;
}

export interface OcspAnswer {
  readonly fromMs: number;
  readonly untilMs: number;
}

const NULL = Uint8Array.of(5, 0);
const SHA1 = sequence(oid("1.3.14.3.2.26"), NULL);
const HASHES: readonly (readonly [string, string])[] = [
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
];
/** An answer that says not for how long is asked for again after this. */
const DEFAULT_LIFE_MS = 24 * 3_600_000;
const SIGNS_OCSP = "1.3.6.1.5.5.7.3.9";

/** Undefined: the certificate names nobody to ask, or its issuer is not in the chain. */
export function ocspQuestion(pem: string): OcspQuestion | undefined {
  try {
    const [leaf, issuer] = (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
      (block) => new X509Certificate(block),
    );
    const url = /^OCSP - URI:(http:\/\/\S+)$/m.exec(leaf?.infoAccess ?? "")?.[1];
    if (leaf === undefined || issuer === undefined || url === undefined || !leaf.checkIssued(issuer)) return undefined;
    const fields = inside(inside(leaf.raw)[0]?.content ?? new Uint8Array(), false);
    const hasVersion = fields[0]?.tag === 0xa0;
    const name = fields[hasVersion ? 3 : 2]?.whole;
    const bits = inside(issuer.publicKey.export({ type: "spki", format: "der" }))[1]?.content.subarray(1);
    if (name === undefined || bits === undefined) return undefined;
    const serial = integer(BigInt(`0x${leaf.serialNumber}`));
    const certId = sequence(SHA1, octets(sha1(name)), octets(sha1(bits)), serial);
    return { url, request: sequence(sequence(sequence(sequence(certId)))), certId, issuer };
  } catch {
    return undefined;
  }
}

/** Reads an answer to a question, DER; only one that the issuer stands for, about this very certificate, and good. */
export function readOcsp(bytes: Uint8Array, { certId, issuer }: OcspQuestion): Result<OcspAnswer> {
  const [status, body] = inside(bytes);
  if (status?.content[0] !== 0 || body === undefined) return fail("ocsp", "the responder gives no answer");
  const [, response] = inside(body.content);
  const parts = inside(response?.content ?? new Uint8Array());
  const [data, algorithm, signature, certificates] = parts;
  if (data === undefined || algorithm === undefined || signature === undefined)
    return fail("ocsp", "the responder's answer cannot be read");
  if (!isSigned(data.whole, { algorithm, signature, certificates, issuer }))
    return fail("ocsp", "the responder's answer is signed by nobody the issuer stands for");
  const list = inside(data.whole).findLast(({ tag }) => tag === 0x30);
  for (const single of inside(list?.whole ?? new Uint8Array())) {
    const [id, state, from, until] = inside(single.whole);
    if (id === undefined || Buffer.compare(id.whole, certId) !== 0) continue;
    if (state?.tag !== 0x80)
      return fail("ocsp_revoked", state?.tag === 0xa1 ? "is revoked" : "is not known to its issuer");
    const fromMs = timeOf(from?.content);
    const untilMs = until?.tag === 0xa0 ? timeOf(inside(until.content, false)[0]?.content) : fromMs + DEFAULT_LIFE_MS;
    return Number.isFinite(fromMs) && Number.isFinite(untilMs)
      ? succeed({ fromMs, untilMs })
      : fail("ocsp", "the responder's answer has no time");
  }
  return fail("ocsp", "the responder answers about another certificate");
}

interface Signed {
  readonly algorithm: DerValue;
  readonly signature: DerValue;
  readonly certificates: DerValue | undefined;
  readonly issuer: X509Certificate;
}

/** By the issuer itself, or by one it made for this (RFC 6960 section 4.2.2.2). */
function isSigned(data: Uint8Array, { algorithm, signature, certificates, issuer }: Signed): boolean {
  const [id] = inside(algorithm.whole);
  const hash = HASHES.find(([text]) => Buffer.compare(oid(text), id?.whole ?? new Uint8Array()) === 0)?.[1];
  if (hash === undefined) return false;
  const list = inside(certificates?.content ?? new Uint8Array()).map(({ whole }) => whole);
  const named = list.flatMap((raw) => {
    try {
      const one = new X509Certificate(raw);
      const isFor = one.keyUsage?.includes(SIGNS_OCSP) === true && one.checkIssued(issuer);
      return isFor && one.verify(issuer.publicKey) ? [one] : [];
    } catch {
      return [];
    }
  });
  return [issuer, ...named].some(({ publicKey }) => verify(hash, data, publicKey, signature.content.subarray(1)));
}

/** What a value holds (`isWhole`: of the first value in the bytes); nothing where it is none. */
function inside(bytes: Uint8Array, isWhole = true): readonly DerValue[] {
  const values = readDer(bytes) ?? [];
  return isWhole ? (readDer(values[0]?.content ?? new Uint8Array()) ?? []) : values;
}

/** `20261121175629Z` */
function timeOf(bytes: Uint8Array | undefined): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(Buffer.from(bytes ?? []).toString("latin1")) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function sha1(bytes: Uint8Array): Uint8Array {
  return createHash("sha1").update(bytes).digest();
}
