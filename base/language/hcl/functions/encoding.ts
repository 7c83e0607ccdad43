import { constants, createHash, createPrivateKey, privateDecrypt } from "node:crypto";
import { parse as parseCsv } from "./csv.ts";
import { fromJson, isList, isMap, mapOf, sortedKeys, type Value } from "../evaluate/value.ts";
import { any, Fault, one, text, two, type Given, type HclFunction } from "./function.ts";
import { encodeYaml } from "./yaml.ts";

export const encodingFunctions: Readonly<Record<string, HclFunction>> = {
  base64encode: one(text, (s) => Buffer.from(s).toString("base64")),
  base64decode: one(text, base64Decode),
  urlencode: one(text, (s) =>
    encodeURIComponent(s)
      .replace(/[!'()*]/g, percent)
      .replaceAll("%20", "+"),
  ),
  jsonencode: one(any, (value) => escapeHtml(JSON.stringify(sorted(value)))),
  jsondecode: one(text, jsonDecode),
  yamlencode: one(any, encodeYaml),
  csvdecode: one(text, parseCsv),
  md5: one(text, (s) => hash("md5", s)),
  sha1: one(text, (s) => hash("sha1", s)),
  sha256: one(text, (s) => hash("sha256", s)),
  sha512: one(text, (s) => hash("sha512", s)),
  base64sha256: one(text, (s) => createHash("sha256").update(s).digest("base64")),
  uuidv5: two(text, text, uuidV5),
  rsadecrypt: two(text, text, rsaDecrypt),
};

function hash(algorithm: string, s: string): string {
  return createHash(algorithm).update(s).digest("hex");
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function base64Decode(s: string): Given {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(s) || s.length % 4 !== 0) return new Fault("this is no base64");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(s, "base64"));
  } catch {
    return new Fault("the decoded bytes are no UTF-8 text");
  }
}

/** Go's JSON writes these three as escapes, and clients compare bytes. */
function escapeHtml(json: string): string {
  return json.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

function sorted(value: Value): Value {
  if (isList(value)) return value.map(sorted);
  return isMap(value) ? mapOf(sortedKeys(value).map((key) => [key, sorted(value[key] ?? null)])) : value;
}

function jsonDecode(s: string): Given {
  try {
    return fromJson(JSON.parse(s)) ?? new Fault("this is no JSON");
  } catch (thrown) {
    return new Fault(`this is no JSON: ${thrown instanceof Error ? thrown.message : ""}`);
  }
}

const NAMESPACES: ReadonlyMap<string, string> = new Map([
  ["dns", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
  ["url", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"],
  ["oid", "6ba7b812-9dad-11d1-80b4-00c04fd430c8"],
  ["x500", "6ba7b814-9dad-11d1-80b4-00c04fd430c8"],
]);

/** RFC 8017, section 7.2 (PKCS #1 v1.5); the text in base64, the key as PEM without a password. */
function rsaDecrypt(ciphertext: string, privateKey: string): Given {
  const bytes = Buffer.from(ciphertext, "base64");
  if (bytes.length === 0 || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(ciphertext))
    return new Fault("the ciphertext is no base64");
  try {
    const key = createPrivateKey(privateKey);
    if (key.asymmetricKeyType !== "rsa") return new Fault("the key is no RSA key");
    const clear = privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, bytes);
    return new TextDecoder("utf-8", { fatal: true }).decode(clear);
  } catch {
    return new Fault("the ciphertext could not be decrypted with this key (PEM, RSA, without a password)");
  }
}

/** RFC 9562, section 5.5. */
function uuidV5(namespace: string, name: string): Given {
  const hex = (NAMESPACES.get(namespace) ?? namespace).replaceAll("-", "");
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) return new Fault("the namespace must be dns, url, oid, x500 or a UUID");
  const digest = createHash("sha1").update(Buffer.from(hex, "hex")).update(name).digest();
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const out = digest.toString("hex");
  return [out.slice(0, 8), out.slice(8, 12), out.slice(12, 16), out.slice(16, 20), out.slice(20, 32)].join("-");
}
