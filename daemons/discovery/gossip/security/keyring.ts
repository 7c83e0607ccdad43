import { fail, succeed, type Result } from "#base/env/errors.ts";

/** Keys a ring holds at most: every foreign packet is tried with each. */
export const MAX_KEYS = 16;

/**
 * The keys of a cluster: the primary one encrypts, all are tried to decrypt. To rotate, install the new key on every
 * node, then use it, then remove the old one. Keys have 16, 24 or 32 bytes (AES-128, -192, -256).
 */
export class Keyring {
  /** The primary first. */
  #keys: readonly Uint8Array[];

  private constructor(keys: readonly Uint8Array[]) {
    this.#keys = keys;
  }

  /** A ring of `primary` and others. */
  static create(primary: Uint8Array, others: readonly Uint8Array[] = []): Result<Keyring> {
    const ring = new Keyring([]);
    for (const key of [primary, ...others]) {
      const installed = ring.install(key);
      if (!installed.ok) return installed;
    }
    return succeed(ring);
  }

  get primary(): Uint8Array | undefined {
    return this.#keys[0];
  }

  /** All keys, the primary first. */
  get keys(): readonly Uint8Array[] {
    return this.#keys;
  }

  /** Adds a key that decrypts from now on; one that is there already stays as it is. */
  install(key: Uint8Array): Result<void> {
    if (![16, 24, 32].includes(key.length)) {
      return fail("KEY_LENGTH", `a gossip key has 16, 24 or 32 bytes, not ${key.length}`, "`lares keygen` makes one");
    }
    if (this.#keys.some((each) => same(each, key))) return succeed(undefined);
    if (this.#keys.length >= MAX_KEYS) {
      return fail("KEYRING_FULL", `the keyring holds ${MAX_KEYS} keys already`, "remove those that are no longer used");
    }
    this.#keys = [...this.#keys, new Uint8Array(key)];
    return succeed(undefined);
  }

  /** Makes a key of the ring the one that encrypts. */
  use(key: Uint8Array): Result<void> {
    const found = this.#keys.find((each) => same(each, key));
    if (found === undefined) {
      return fail("KEY_UNKNOWN", "the key to use is not in the keyring", "install it on every node first");
    }
    this.#keys = [found, ...this.#keys.filter((each) => each !== found)];
    return succeed(undefined);
  }

  /** Forgets a key. The primary one cannot go. */
  remove(key: Uint8Array): Result<void> {
    const primary = this.#keys[0];
    if (primary !== undefined && same(primary, key)) {
      return fail("KEY_IN_USE", "the primary key cannot be removed", "use another key first");
    }
    this.#keys = this.#keys.filter((each) => !same(each, key));
    return succeed(undefined);
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
