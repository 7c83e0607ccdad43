import { createHmac, type BinaryLike } from "node:crypto";

export const CLIENT_COOKIE_BYTES = 8;
export const COOKIE_BYTES = 24;

/**
 * Writes client and server cookie (RFC 7873 §5.2, the layout of RFC 9018 §4: version, three reserved bytes, time, hash)
 * behind `at`. A server's cookie is for itself to check, so its hash need not be the one others use.
 */
export function writeCookie(
  out: Uint8Array,
  at: number,
  by: {
    readonly secret: BinaryLike;
    readonly clientCookie: Uint8Array;
    readonly client: string;
    readonly nowMs: number;
  },
): void {
  out.set(by.clientCookie, at);
  const head = Buffer.alloc(8);
  head[0] = 1;
  head.writeUInt32BE(Math.floor(by.nowMs / 1000) >>> 0, 4);
  const hash = createHmac("sha256", by.secret).update(by.clientCookie).update(head).update(by.client).digest();
  out.set(head, at + CLIENT_COOKIE_BYTES);
  out.set(hash.subarray(0, 8), at + 16);
}
