import * as v from "valibot";
import { integer, text } from "./schema.ts";

/** Something only the keyring can read: base64 of nonce, ciphertext and tag, and the root key it was made with. */
export const SealedSchema = v.object({ KeyID: text, Data: text });
export type Sealed = v.InferOutput<typeof SealedSchema>;

export const ROOT_KEY_STATES = ["active", "inactive", "rekeying", "deprecated", "prepublished"] as const;
export type RootKeyState = (typeof ROOT_KEY_STATES)[number];

/** A root key as it is stored. Times in nanoseconds since the epoch. https://developer.hashicorp.com/nomad/docs/operations/key-management */
export const RootKeySchema = v.object({
  KeyID: text,
  Algorithm: v.nullish(v.string(), "aes256-gcm"),
  State: v.nullish(v.picklist(ROOT_KEY_STATES), "inactive"),
  CreateTime: integer,
  /** When it becomes active; 0: at once. */
  PublishTime: integer,
  /** When it stopped being the active one; 0: not yet. */
  RetireTime: integer,
  /** Base64: the key's secrets, encrypted with the key that every server keeps in a file. */
  Wrapped: text,
});
export type RootKey = v.InferOutput<typeof RootKeySchema>;
