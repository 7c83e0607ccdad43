import { fail, succeed, type Result } from "#base/env/errors.ts";

/** What is stored of a secret. */
export interface Sealed {
  readonly KeyID: string;
  /** Base64. */
  readonly Data: string;
}

/** Encrypts with the cluster's newest key, decrypts with whichever was the newest then. */
export interface Cipher {
  encrypt(plain: Uint8Array): Result<Sealed>;
  decrypt(sealed: Sealed): Result<Uint8Array>;
}

const KEYLESS = "";

/** Where there is no keyring: nothing is encrypted, and what a keyring encrypted cannot be read. */
export const plainCipher: Cipher = {
  encrypt: (plain) => succeed({ KeyID: KEYLESS, Data: Buffer.from(plain).toString("base64") }),
  decrypt({ KeyID, Data }) {
    if (KEYLESS !== KeyID) return fail("no_key", `there is no keyring here, and key ${KeyID} is needed`);
    return succeed(Buffer.from(Data, "base64"));
  },
};
