import { createCipheriv, createDecipheriv, createHmac, scryptSync } from "node:crypto";
import { goFunction } from "../../function.ts";
import { takeInteger } from "../../param.ts";
import { uint32Type } from "../../type.ts";
import { GoError, type Param } from "../../value.ts";
import { f2, STRING, type Defined, type Outcome } from "../define.ts";
import { bytesOfText, textOfBytes } from "../text/go-bytes.ts";
import { decodeBase64 } from "../encoding/base64.ts";

/** `uint32`; a number in a template is one where it fits. */
const COUNTER: Param<bigint> = {
  type: uint32Type,
  take: (value) => (typeof value === "bigint" ? value : takeInteger(uint32Type).take(value)),
};

/** sprig's cryptography that needs no chance (https://masterminds.github.io/sprig/crypto.html). */
export const cryptoFunctions: readonly Defined[] = [
  f2("decryptAES", [STRING, STRING], decryptAes),
  {
    name: "derivePassword",
    value: goFunction([COUNTER, STRING, STRING, STRING, STRING], (...[counter, type, password, user, site]) =>
      derivePassword({ counter: Number(counter), type, password, user, site }),
    ),
  },
];

/** The same with an initialisation vector that has to be drawn. */
export function encryptAes(randomBytes: (length: number) => Uint8Array): Defined {
  return f2("encryptAES", [STRING, STRING], (password, text) => {
    if (text === "") return "";
    const vector = randomBytes(16);
    const cipher = createCipheriv("aes-256-cbc", keyOf(password), vector);
    return Buffer.concat([vector, cipher.update(bytesOfText(text)), cipher.final()]).toString("base64");
  });
}

function decryptAes(password: string, encrypted: string): Outcome {
  if (encrypted === "") return "";
  const decoded = decodeBase64(encrypted);
  if (!decoded.ok) return new GoError(decoded.error.message);
  const bytes = bytesOfText(decoded.value);
  if (bytes.length < 32 || bytes.length % 16 !== 0)
    return new GoError("decryptAES: the encrypted text is no whole number of blocks");
  const decipher = createDecipheriv("aes-256-cbc", keyOf(password), bytes.subarray(0, 16)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]);
  const padding = padded.at(-1) ?? 0;
  if (padding > padded.length) return new GoError("decryptAES: the password is another one");
  return textOfBytes(padded.subarray(0, padded.length - padding));
}

/** The password's first 32 bytes, zeros behind it. */
function keyOf(password: string): Buffer {
  const key = Buffer.alloc(32);
  bytesOfText(password).copy(key);
  return key;
}

/** The Master Password algorithm, version 3 (https://masterpassword.app/masterpassword-algorithm.pdf). */
const SCOPE = "com.lyndir.masterpassword";
const LONG =
  "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv " +
  "CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv " +
  "CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno";
const TEMPLATES: ReadonlyMap<string, readonly string[]> = new Map([
  ["maximum", ["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]],
  ["long", LONG.split(" ")],
  ["medium", ["CvcnoCvc", "CvcCvcno"]],
  ["short", ["Cvcn"]],
  ["basic", ["aaanaaan", "aannaaan", "aaannaaa"]],
  ["pin", ["nnnn"]],
]);
const CLASSES: Readonly<Record<string, string>> = {
  V: "AEIOU",
  C: "BCDFGHJKLMNPQRSTVWXYZ",
  v: "aeiou",
  c: "bcdfghjklmnpqrstvwxyz",
  A: "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
  a: "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
  n: "0123456789",
  o: "@&%?,=[]_:-+*$#!'^~;()/.",
  x: "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
};

interface Site {
  readonly counter: number;
  readonly type: string;
  readonly password: string;
  readonly user: string;
  readonly site: string;
}

function derivePassword({ counter, type, password, user, site }: Site): Outcome {
  const templates = TEMPLATES.get(type);
  if (templates === undefined) return `cannot find password template ${type}`;
  const salt = Buffer.concat([Buffer.from(SCOPE), sized(user)]);
  const key = scryptSync(bytesOfText(password), salt, 64, { N: 32_768, r: 8, p: 2, maxmem: 64 * 1024 * 1024 });
  const seed = createHmac("sha256", key).update(SCOPE).update(sized(site)).update(uint32(counter)).digest();
  const template = templates[(seed[0] ?? 0) % templates.length] ?? "";
  return Array.from(template)
    .map((kind, index) => {
      const characters = CLASSES[kind] ?? "";
      return characters.charAt((seed[index + 1] ?? 0) % characters.length);
    })
    .join("");
}

function sized(text: string): Buffer {
  const bytes = bytesOfText(text);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
