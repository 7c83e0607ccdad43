import { createPrivateKey, createPublicKey } from "node:crypto";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { RouterConfig } from "../config/model.ts";
import { keyFileOf } from "../plan/plan.ts";
import type { StateFolder } from "./state-folder.ts";

const KEY_BYTES = 32;
const ROOT_ONLY = 0o600;

/** Private keys of tunnels that have none yet. */
export async function makeKeys(env: Env, state: StateFolder, { wireguards }: RouterConfig): Promise<Result<void>> {
  for (const wireguard of wireguards) {
    const path = keyFileOf(wireguard, state.dir);
    if ((await env.disk.stat(path)) !== undefined) continue;
    if (wireguard.keyFile !== "")
      return fail(
        "router_secret",
        `wireguard "${wireguard.name}": there is no ${JSON.stringify(path)}`,
        "leave key_file out to have a key made",
      );
    await env.disk.replace(path, `${newPrivateKey(env)}\n`, { mode: ROOT_ONLY });
  }
  return succeed(undefined);
}

/** Of Curve25519, clamped as RFC 7748, 5 asks. */
export function newPrivateKey(env: Pick<Env, "random">): string {
  const key = Buffer.from(env.random.bytes(KEY_BYTES));
  key.writeUInt8(key.readUInt8(0) & 0xf8, 0);
  key.writeUInt8((key.readUInt8(KEY_BYTES - 1) & 0x7f) | 0x40, KEY_BYTES - 1);
  return key.toString("base64");
}

/** RFC 8410: a private key of X25519 in PKCS #8 is this and the 32 bytes. */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");

export function publicKeyOf(privateKey: string): string {
  const key = Buffer.concat([PKCS8, Buffer.from(privateKey.trim(), "base64")]);
  const der = createPublicKey(createPrivateKey({ key, format: "der", type: "pkcs8" })).export({
    format: "der",
    type: "spki",
  });
  return der.subarray(-KEY_BYTES).toString("base64");
}
