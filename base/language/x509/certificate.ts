import { createHash, createPublicKey, sign, type KeyObject } from "node:crypto";
import { utf8 } from "#base/env/bytes.ts";
import { bits, der, integer, nameText, octets, oid, readDer, sequence, setOf, time, yes } from "./der.ts";
import { pem } from "./keys.ts";

export interface CertificateRequest {
  readonly commonName: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Up to 20 bytes, drawn by lot. */
  readonly serial: Uint8Array;
  /** Four bytes or sixteen each. */
  readonly addresses: readonly Uint8Array[];
  readonly names: readonly string[];
  readonly isAuthority: boolean;
  /** Whose certificate it is; where somebody else signs the public half is enough. */
  readonly key: KeyObject;
  /** Who signs; undefined: the key itself. */
  readonly issuer: { readonly certificate: Uint8Array; readonly key: KeyObject } | undefined;
  /** More extensions, as {@link extension} makes them. */
  readonly more?: readonly Uint8Array[];
}

export const OID = {
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;
const NULL = Uint8Array.of(5, 0);

/** A certificate for servers and clients, PEM (RFC 5280, section 4.1). Undefined: such a key cannot sign here, or the issuer's certificate is none. */
export function makeCertificate(request: CertificateRequest): string | undefined {
  const { key, issuer } = request;
  const signer = issuer?.key ?? key;
  const algorithm = signatureOf(signer);
  const own = nameOf(request.commonName);
  const above = issuer === undefined ? { subject: own, keyId: undefined } : readIssuer(issuer.certificate);
  if (algorithm === undefined || above === undefined) return undefined;
  const publicKey = (key.type === "public" ? key : createPublicKey(key)).export({ type: "spki", format: "der" });
  const body = sequence(
    der(0xa0, integer(2n)),
    integer(BigInt(`0x00${Buffer.from(request.serial).toString("hex")}`)),
    algorithm.identifier,
    above.subject,
    sequence(time(request.fromMs), time(request.toMs)),
    own,
    publicKey,
    der(0xa3, sequence(...extensions(request, { publicKey, issuerKeyId: above.keyId }))),
  );
  const signature = sign(algorithm.hash, body, signer);
  return pem("CERTIFICATE", sequence(body, algorithm.identifier, bits(signature)));
}

/** A name with nothing but a common name. */
export function nameOf(commonName: string): Uint8Array {
  return commonName === "" ? sequence() : sequence(setOf(sequence(oid(OID.commonName), nameText(commonName))));
}

function extensions(
  { isAuthority, addresses, names, more = [] }: CertificateRequest,
  { publicKey, issuerKeyId }: { readonly publicKey: Uint8Array; readonly issuerKeyId: Uint8Array | undefined },
): readonly Uint8Array[] {
  // digitalSignature and keyEncipherment, for authorities keyCertSign too: bits 0, 2 and 5.
  const usage = isAuthority ? bits(Uint8Array.of(0xa4), 2) : bits(Uint8Array.of(0xa0), 5);
  const alternatives = [
    ...names.map((name) => der(0x82, utf8(name))),
    ...addresses.map((address) => der(0x87, address)),
  ];
  return [
    extension(OID.keyUsage, usage, true),
    extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth), oid(OID.clientAuth))),
    extension(OID.basicConstraints, isAuthority ? sequence(yes()) : sequence(), true),
    ...(isAuthority ? [extension(OID.subjectKeyIdentifier, octets(keyId(publicKey)))] : []),
    ...(issuerKeyId === undefined ? [] : [extension(OID.authorityKeyIdentifier, sequence(der(0x80, issuerKeyId)))]),
    ...(alternatives.length === 0 ? [] : [extension(OID.subjectAltName, sequence(...alternatives))]),
    ...more,
  ];
}

/** One extension (RFC 5280, section 4.1). */
export function extension(id: string, value: Uint8Array, isCritical = false): Uint8Array {
  return sequence(oid(id), ...(isCritical ? [yes()] : []), octets(value));
}

/** The SHA-1 of the key's bits (RFC 5280, section 4.2.1.2). */
function keyId(publicKey: Uint8Array): Uint8Array {
  const [, held] = readDer(readDer(publicKey)?.[0]?.content ?? new Uint8Array()) ?? [];
  return createHash("sha1")
    .update(held?.content.subarray(1) ?? publicKey)
    .digest();
}

/** How such a key signs; undefined: it cannot here. */
export function signatureOf(
  key: KeyObject,
): { readonly identifier: Uint8Array; readonly hash: string | null } | undefined {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { identifier: sequence(oid("1.2.840.113549.1.1.11"), NULL), hash: "sha256" };
    case "ec":
      return { identifier: sequence(oid("1.2.840.10045.4.3.2")), hash: "sha256" };
    case "ed25519":
      return { identifier: sequence(oid("1.3.101.112")), hash: null };
    default:
      return undefined;
  }
}

/** Of an authority's certificate: its name as it stands there, and the id of its key. */
function readIssuer(
  certificate: Uint8Array,
): { readonly subject: Uint8Array; readonly keyId: Uint8Array | undefined } | undefined {
  const [body] = readDer(readDer(certificate)?.[0]?.content ?? new Uint8Array()) ?? [];
  const fields = readDer(body?.content ?? new Uint8Array());
  // Version (if it is there), serial number, algorithm, issuer, validity, subject.
  const subject = fields?.[fields[0]?.tag === 0xa0 ? 5 : 4];
  if (fields === undefined || subject === undefined) return undefined;
  const list = fields.find(({ tag }) => tag === 0xa3);
  const wanted = oid(OID.subjectKeyIdentifier);
  for (const { content } of readDer(readDer(list?.content ?? new Uint8Array())?.[0]?.content ?? new Uint8Array()) ??
    []) {
    const parts = readDer(content) ?? [];
    if (parts[0] === undefined || Buffer.compare(parts[0].whole, wanted) !== 0) continue;
    return { subject: subject.whole, keyId: readDer(parts.at(-1)?.content ?? new Uint8Array())?.[0]?.content };
  }
  return { subject: subject.whole, keyId: undefined };
}
