import { scrypt } from "node:crypto";

const BYTES = 32;

/** scrypt (RFC 7914) with 16 MiB and some 50 ms of a small computer's time, in the pool of threads. */
export function deriveKey(password: string, salt: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, BYTES, { N: 16_384, r: 8, p: 1 }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
