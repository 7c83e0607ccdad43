import { createHmac } from "node:crypto";
import { concatBytes } from "#base/env/bytes.ts";
import { MESSAGE, OPTION } from "./codes.ts";
import { encodeMessage6, uint32Bytes, type Option6 } from "./message.ts";

/** RFC 8415 §20.4: the key is told in clear when the client first asks, and proves later that the same server speaks. */
const PROTOCOL = 3;
const HMAC_MD5 = 1;
/** Replay detection by a number that only rises (§20.3). */
const RDM = 0;
const KEY = 1;
const DIGEST = 2;
const KEY_BYTES = 16;

/** A client's key; nothing has to be kept for each. */
export function reconfigureKey(secret: Uint8Array, duid: Uint8Array): Uint8Array {
  return createHmac("sha256", secret).update(duid).digest().subarray(0, KEY_BYTES);
}

/** For a Reply. `stamp` has to be above every one before. */
export function keyOption(key: Uint8Array, stamp: bigint): Option6 {
  return { code: OPTION.authentication, data: concatBytes([head(stamp), Uint8Array.of(KEY), key]) };
}

/** A Reconfigure as it stands on the wire (§18.3.11); `wanted` is the message that shall come back. */
export function reconfigureMessage(about: {
  readonly serverId: Uint8Array;
  readonly clientId: Uint8Array;
  readonly wanted: number;
  readonly key: Uint8Array;
  readonly stamp: bigint;
}): Uint8Array {
  const { serverId, clientId, wanted, key, stamp } = about;
  const blank = new Uint8Array(KEY_BYTES);
  const message = encodeMessage6({
    type: MESSAGE.reconfigure,
    xid: 0,
    options: [
      { code: OPTION.clientId, data: clientId },
      { code: OPTION.serverId, data: serverId },
      { code: OPTION.reconfigureMessage, data: Uint8Array.of(wanted) },
      { code: OPTION.authentication, data: concatBytes([head(stamp), Uint8Array.of(DIGEST), blank]) },
    ],
  });
  // Over the whole message, with zeros where the digest goes, which is its end (§20.4.1).
  message.set(createHmac("md5", key).update(message).digest(), message.length - KEY_BYTES);
  return message;
}

function head(stamp: bigint): Uint8Array {
  const numbers = uint32Bytes(Number(stamp >> 32n), Number(stamp & 0xffff_ffffn));
  return concatBytes([Uint8Array.of(PROTOCOL, HMAC_MD5, RDM), numbers]);
}
