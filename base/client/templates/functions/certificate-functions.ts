import { createPrivateKey, KeyObject, X509Certificate } from "node:crypto";
import { messageOf } from "#base/env/errors.ts";
import type { Random } from "#base/env/random.ts";
import { goFunction } from "#base/language/go-template/function.ts";
import { f1, f2, INT, LIST, STRING, type Defined, type Outcome } from "#base/language/go-template/functions/define.ts";
import { decodeBase64 } from "#base/language/go-template/functions/encoding/base64.ts";
import { printValue } from "#base/language/go-template/functions/print-value.ts";
import { GoStruct } from "#base/language/go-template/struct.ts";
import { GoError, type GoValue, type Param } from "#base/language/go-template/value.ts";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { keyPem, unpem } from "#base/language/x509/keys.ts";
import { struct } from "../dependencies/answer-structs.ts";
import { parseIp, widthOf } from "./sockaddr/ip.ts";

export type KeyKind = "rsa" | "rsa4096" | "ecdsa" | "ed25519" | "dsa";
/** Makes a private key; RSA has 2048 bits unless it says otherwise. */
export type MakeKey = (kind: KeyKind) => KeyObject;

export interface CertificateHost {
  readonly nowMs: () => number;
  readonly random: Random;
  /** Undefined: keys cannot be made here. */
  readonly makeKey?: MakeKey | undefined;
}

const DAY_MS = 24 * 3_600_000;
const SERIAL_BYTES = 16;

interface Certificate {
  readonly Cert: string;
  readonly Key: string;
}

const asStruct = ({ Cert, Key }: Certificate): GoStruct => struct("sprig.certificate", { Cert, Key });
const CERTIFICATE: Param<Certificate> = {
  type: asStruct({ Cert: "", Key: "" }).type,
  take: (value) => {
    if (!(value instanceof GoStruct) || value.type.name !== "sprig.certificate") return undefined;
    const [cert, key] = [value.field("Cert"), value.field("Key")];
    return typeof cert === "string" && typeof key === "string" ? { Cert: cert, Key: key } : undefined;
  },
};

interface Wanted {
  readonly commonName: string;
  readonly addresses: readonly GoValue[];
  readonly names: readonly GoValue[];
  readonly days: bigint;
  readonly isAuthority: boolean;
  /** PEM; undefined: a new one of 2048 bits RSA. */
  readonly key: string | undefined;
  readonly issuer: Certificate | undefined;
}

/** sprig's keys and certificates (https://masterminds.github.io/sprig/crypto.html): others every time a template is rendered. */
export function certificateFunctions(host: CertificateHost): readonly Defined[] {
  const make = (wanted: Partial<Wanted> & Pick<Wanted, "commonName" | "days">): Outcome =>
    issue(host, { addresses: [], names: [], isAuthority: false, key: undefined, issuer: undefined, ...wanted });
  const define = (name: string, value: Defined["value"]): Defined => ({ name, value });
  return [
    f1("genPrivateKey", [STRING], (kind) => privateKey(host, kind)),
    f2("genCA", [STRING, INT], (commonName, days) => make({ commonName, days, isAuthority: true })),
    define(
      "genCAWithKey",
      goFunction([STRING, INT, STRING], (commonName, days, key) => make({ commonName, days, isAuthority: true, key })),
    ),
    define(
      "genSelfSignedCert",
      goFunction([STRING, LIST, LIST, INT], (...[commonName, addresses, names, days]) =>
        make({ commonName, addresses, names, days }),
      ),
    ),
    define(
      "genSelfSignedCertWithKey",
      goFunction([STRING, LIST, LIST, INT, STRING], (...[commonName, addresses, names, days, key]) =>
        make({ commonName, addresses, names, days, key }),
      ),
    ),
    define(
      "genSignedCert",
      goFunction([STRING, LIST, LIST, INT, CERTIFICATE], (...[commonName, addresses, names, days, issuer]) =>
        make({ commonName, addresses, names, days, issuer }),
      ),
    ),
    define(
      "genSignedCertWithKey",
      goFunction(
        [STRING, LIST, LIST, INT, CERTIFICATE, STRING],
        (...[commonName, addresses, names, days, issuer, key]) =>
          make({ commonName, addresses, names, days, issuer, key }),
      ),
    ),
    f2("buildCustomCert", [STRING, STRING], custom),
  ];
}

function privateKey({ makeKey }: CertificateHost, kind: string): Outcome {
  // sprig answers an unknown kind with a text.
  if (kind !== "" && kind !== "rsa" && kind !== "ecdsa" && kind !== "ed25519" && kind !== "dsa")
    return `Unknown type ${kind}`;
  if (makeKey === undefined) return NO_KEYS;
  return keyPem(makeKey(kind === "" || kind === "rsa" ? "rsa4096" : kind));
}

const NO_KEYS = new GoError("keys cannot be made here");

function issue({ nowMs, random, makeKey }: CertificateHost, wanted: Wanted): Outcome {
  const addresses: Uint8Array[] = [];
  for (const given of wanted.addresses) {
    if (typeof given !== "string") return new GoError(`error parsing ip: ${printValue(given)} is not a string`);
    const bytes = addressBytes(given);
    if (bytes === undefined) return new GoError(`error parsing ip: ${given}`);
    addresses.push(bytes);
  }
  const names: string[] = [];
  for (const given of wanted.names) {
    if (typeof given !== "string")
      return new GoError(`error processing alternate dns name: ${printValue(given)} is not a string`);
    names.push(given);
  }
  if (wanted.key === undefined && makeKey === undefined) return NO_KEYS;
  const key = wanted.key === undefined ? makeKey?.("rsa") : readKey(wanted.key);
  const issuer = wanted.issuer === undefined ? undefined : readIssuer(wanted.issuer);
  if (!(key instanceof KeyObject)) return key ?? NO_KEYS;
  if (issuer instanceof GoError) return issuer;
  const fromMs = nowMs();
  const { commonName, isAuthority, days } = wanted;
  const toMs = Math.min(fromMs + Number(days) * DAY_MS, LAST_MS);
  const serial = random.bytes(SERIAL_BYTES);
  const Cert = makeCertificate({ commonName, isAuthority, fromMs, toMs, serial, addresses, names, key, issuer });
  if (Cert === undefined) return new GoError("error creating certificate: keys of this kind cannot sign");
  return asStruct({ Cert, Key: keyPem(key) });
}

/** The last second a certificate can name. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

function readIssuer({
  Cert,
  Key,
}: Certificate): { readonly certificate: Uint8Array; readonly key: KeyObject } | GoError {
  const certificate = unpem(Cert);
  if (certificate === undefined) return new GoError("unable to decode certificate");
  const key = readKey(Key);
  return key instanceof GoError ? key : { certificate, key };
}

function readKey(pem: string): KeyObject | GoError {
  if (unpem(pem) === undefined) return new GoError("parsing private key: no PEM data in input");
  try {
    return createPrivateKey(pem);
  } catch (thrown) {
    return new GoError(`parsing private key: ${messageOf(thrown)}`);
  }
}

/** Somebody else's certificate and key, both in base64 on top of PEM. */
function custom(cert: string, key: string): Outcome {
  const [certPem, secretPem] = [decodeBase64(cert), decodeBase64(key)];
  if (!certPem.ok) return new GoError("unable to decode base64 certificate");
  if (!secretPem.ok) return new GoError("unable to decode base64 private key");
  if (unpem(certPem.value) === undefined) return new GoError("unable to decode certificate");
  try {
    new X509Certificate(certPem.value);
  } catch (thrown) {
    return new GoError(`error parsing certificate: unable to decode certificate: ${messageOf(thrown)}`);
  }
  const read = readKey(secretPem.value);
  if (read instanceof GoError) return new GoError(`error parsing private key: ${read.message}`);
  return asStruct({ Cert: certPem.value, Key: secretPem.value });
}

function addressBytes(text: string): Uint8Array | undefined {
  const ip = text.includes("/") ? undefined : parseIp(text);
  if (ip === undefined) return undefined;
  return Buffer.from(ip.address.toString(16).padStart(widthOf(ip) / 4, "0"), "hex");
}
