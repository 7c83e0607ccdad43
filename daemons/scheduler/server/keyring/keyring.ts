import type { Timer } from "#base/env/clock.ts";
import { nowNs } from "#base/env/clock.ts";
import { assert } from "#base/env/assert.ts";
import { utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { RootKey, Sealed } from "#base/protocol/keyring.ts";
import { put, remove, unchanged } from "#base/state/codec.ts";
import type { Op, Store } from "#base/state/store.ts";
import type { Row, View } from "#base/state/table.ts";
import { rootKeys } from "#base/state/tables.ts";
import { seal, unseal } from "./aead.ts";
import { promote, reviewKeys, type KeyAges } from "./key-life.ts";
import { addRsa, newMaterial, unwrap, wrap, type KeyMaterial } from "./key-material.ts";
import { loadWrappingKey } from "./wrapping-key.ts";

const HOUR_NS = 3600e9;
/** Nomad's `root_key_rotation_threshold` and `root_key_gc_threshold`. */
export const DEFAULT_KEY_AGES: KeyAges = { rotateNs: 720 * HOUR_NS, keepNs: HOUR_NS };
/** Nomad's `root_key_gc_interval`. */
const REVIEW_MS = 600_000;

export interface KeyringDeps {
  readonly env: Env;
  readonly store: Store;
  /** Follows at least the table of root keys. */
  readonly view: View;
  /** Where the file with the wrapping key is. */
  readonly folder: string;
  readonly ages?: KeyAges;
  /** How often what time does to keys is looked at. Default: ten minutes. */
  readonly reviewMs?: number;
  /** Makes an RSA private key (PKCS #8, PEM). Without it identities are signed with Ed25519 only. */
  readonly makeRsaKey?: () => Promise<string>;
}

/** Somebody who keeps sealed things. */
export interface KeyUser {
  readonly name: string;
  /** Whether anything still needs this key. */
  uses(key: RootKey): boolean;
  /** Seals anew whatever was sealed with this key; resolves when none is left. */
  rekey(keyId: string): Promise<void>;
}

export interface OpenKey {
  readonly row: RootKey;
  readonly material: KeyMaterial;
}

/**
 * What secrets are encrypted and identities signed with. Root keys are state, wrapped by a key in a file of each server;
 * new secrets take the active one, old ones are opened with whichever sealed them.
 */
export class Keyring {
  readonly #deps: KeyringDeps;
  readonly #users: KeyUser[] = [];
  /** By what it was wrapped as. */
  readonly #open = new Map<string, KeyMaterial>();
  #rsaReady: Promise<void> = Promise.resolve();
  #wrappingKey: Uint8Array | undefined;
  #timer: Timer | undefined;
  #running = false;

  constructor(deps: KeyringDeps) {
    this.#deps = deps;
  }

  /** Reads the wrapping key, makes the first root key of a new cluster. Rejects with a `CodedError` `keyring`. */
  async start(): Promise<void> {
    const { env, view, folder } = this.#deps;
    this.#wrappingKey = await loadWrappingKey(env, folder, view.table(rootKeys).size === 0);
    const active = this.#activeRow();
    if (active === undefined) await this.#make({ publishNs: 0, full: false, rsa: undefined });
    else this.#materialOf(active);
    this.#running = true;
    this.#rsaReady = this.#addRsa();
    void this.#finishRekeying();
    this.#arm();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
  }

  register(user: KeyUser): void {
    this.#users.push(user);
  }

  /** `context` says where the result belongs (a table and id): it opens nowhere else. */
  encrypt(plain: Uint8Array, context: string): Sealed {
    const { row, material } = this.active();
    const data = seal(plain, { key: material.secret, context: utf8(context) }, this.#deps.env.random);
    return { KeyID: row.KeyID, Data: Buffer.from(data).toString("base64") };
  }

  /** Fails with `no_key` when its key is gone, `not_authentic` when it was changed or belongs elsewhere. */
  decrypt({ KeyID, Data }: Sealed, context: string): Result<Uint8Array> {
    const found = this.find(KeyID);
    if (found === undefined) return fail("no_key", `the root key ${KeyID} is not in the keyring`);
    const plain = unseal(Buffer.from(Data, "base64"), { key: found.material.secret, context: utf8(context) });
    return plain === undefined
      ? fail("not_authentic", `what root key ${KeyID} sealed for ${context} was changed or belongs elsewhere`)
      : succeed(plain);
  }

  /** Whether there is a key in use, as from the start on. */
  get isReady(): boolean {
    return this.#activeRow() !== undefined;
  }

  /** The key in use. Throws a `CodedError` `keyring` before the start. */
  active(): OpenKey {
    const row = this.#activeRow();
    const material = row === undefined ? undefined : this.#materialOf(row);
    if (row === undefined || material === undefined) {
      throw new CodedError("keyring", "the keyring has no active key", "it is made when the server starts");
    }
    return { row, material };
  }

  find(keyId: string): OpenKey | undefined {
    const row = this.#deps.view.table(rootKeys).get(GLOBAL, keyId)?.value;
    const material = row === undefined ? undefined : this.#materialOf(row);
    return row === undefined || material === undefined ? undefined : { row, material };
  }

  /** Newest first, secrets and all: only their rows may leave the server. */
  list(): readonly Row<RootKey>[] {
    return [...this.#deps.view.table(rootKeys).list(GLOBAL)].toSorted(
      (a, b) => b.value.CreateTime - a.value.CreateTime,
    );
  }

  /**
   * Makes a new key: active at once, or from `publishNs` on. `full`: what older keys sealed is sealed anew in the
   * background. Fails with `bad_request`.
   */
  async rotate({ full = false, publishNs = 0 }: RotateOptions): Promise<Result<Row<RootKey>>> {
    if (full && publishNs !== 0) {
      return fail("bad_request", "a key that is published first cannot be rotated in full", "leave out one of both");
    }
    const row = await this.#make({ full, publishNs, rsa: await this.#deps.makeRsaKey?.() });
    if (full) void this.#finishRekeying();
    return succeed(row);
  }

  /** Resolves when the active key can sign for those who know RSA only, or never will. */
  settled(): Promise<void> {
    return this.#rsaReady;
  }

  async #make({ full, publishNs, rsa }: NewKey): Promise<Row<RootKey>> {
    const { env } = this.#deps;
    const now = nowNs(env.clock);
    const keyId = env.random.uuid();
    const material = newMaterial(env.random, rsa);
    const fresh: RootKey = {
      KeyID: keyId,
      Algorithm: "aes256-gcm",
      State: publishNs === 0 ? "active" : "prepublished",
      CreateTime: now,
      PublishTime: publishNs,
      RetireTime: 0,
      Wrapped: wrap(material, { wrappingKey: this.#wrapping(), keyId }, env.random),
    };
    const keys = this.list().map(({ value }) => value);
    const changed =
      publishNs === 0 ? promote(keys, fresh, { nowNs: now, old: full ? "rekeying" : "inactive" }) : [fresh];
    await this.#write(changed.map(putKey));
    env.log.info("the keyring has a new key", { key: keyId, state: fresh.State });
    const row = this.#deps.view.table(rootKeys).get(GLOBAL, keyId);
    assert(row !== undefined, "a key that was just written is there");
    return row;
  }

  /** A new cluster starts at once; the slow half of its first key comes when it is ready. */
  async #addRsa(): Promise<void> {
    const { makeRsaKey, env } = this.#deps;
    const before = this.active();
    if (makeRsaKey === undefined || before.material.rsa !== undefined) return;
    try {
      const wrapping = { wrappingKey: this.#wrapping(), keyId: before.row.KeyID };
      const Wrapped = addRsa(before.row.Wrapped, await makeRsaKey(), { ...wrapping, random: env.random });
      const row = this.#deps.view.table(rootKeys).get(GLOBAL, before.row.KeyID);
      if (row === undefined || Wrapped === undefined) return;
      const op = putKey({ ...row.value, Wrapped });
      const { revision } = await this.#deps.store.txn({ compare: [unchanged(rootKeys, row)], then: [op] });
      await this.#deps.view.reached(revision);
    } catch (thrown) {
      if (this.#running) env.log.warn("identities cannot be signed with RSA yet", { reason: messageOf(thrown) });
    }
  }

  /** Fails with `not_found`, `active`, or `in_use` unless forced. */
  async remove(keyId: string, force: boolean): Promise<Result<number>> {
    const row = this.#deps.view.table(rootKeys).get(GLOBAL, keyId)?.value;
    if (row === undefined) return fail("not_found", `root key ${keyId} not found`);
    if (row.State === "active") return fail("active", "active root key cannot be deleted", "rotate the keyring first");
    const user = this.#users.find((each) => each.uses(row));
    if (user !== undefined && !force) {
      return fail("in_use", `root key in use by ${user.name}, cannot delete`, "rotate with full first");
    }
    return succeed(await this.#write([remove(rootKeys, GLOBAL, keyId)]));
  }

  /** Does what is due. Writes nothing when nothing is. */
  async review(): Promise<void> {
    const { env, ages = DEFAULT_KEY_AGES } = this.#deps;
    const keys = this.list().map(({ value }) => value);
    const isUsed = (key: RootKey): boolean => this.#users.some((user) => user.uses(key));
    const changes = reviewKeys(keys, { nowNs: nowNs(env.clock), ages, isUsed });
    const ops = [...changes.put.map(putKey), ...changes.remove.map((id) => remove(rootKeys, GLOBAL, id))];
    if (ops.length > 0) await this.#write(ops);
    if (changes.publishSuccessorNs !== undefined) await this.rotate({ publishNs: changes.publishSuccessorNs });
    await this.#finishRekeying();
  }

  #arm(): void {
    if (!this.#running) return;
    const { clock, log } = this.#deps.env;
    this.#timer = clock.after(this.#deps.reviewMs ?? REVIEW_MS, () => {
      this.review()
        .catch((thrown: unknown) => log.error("the keyring could not be reviewed", { reason: messageOf(thrown) }))
        .finally(() => this.#arm());
    });
  }

  /** What a full rotation began, also before a restart. */
  async #finishRekeying(): Promise<void> {
    const { log } = this.#deps.env;
    for (const { value: key } of this.list().filter(({ value }) => value.State === "rekeying")) {
      try {
        for (const user of this.#users) await user.rekey(key.KeyID);
        await this.#write([putKey({ ...key, State: "deprecated" })]);
      } catch (thrown) {
        log.error("what a root key sealed could not be sealed anew", { key: key.KeyID, reason: messageOf(thrown) });
      }
    }
  }

  async #write(ops: readonly Op[]): Promise<number> {
    const { revision } = await this.#deps.store.txn({ then: ops });
    await this.#deps.view.reached(revision);
    return revision;
  }

  #activeRow(): RootKey | undefined {
    for (const row of this.#deps.view.table(rootKeys).by("state", "active")) return row.value;
    return undefined;
  }

  /** Opened once. */
  #materialOf({ KeyID, Wrapped }: RootKey): KeyMaterial | undefined {
    const known = this.#open.get(Wrapped);
    if (known !== undefined) return known;
    const opened = unwrap(Wrapped, { wrappingKey: this.#wrapping(), keyId: KeyID });
    if (opened === undefined) {
      throw new CodedError(
        "keyring",
        `the root key ${KeyID} cannot be opened with the key in ${this.#deps.folder}`,
        "restore the file that belongs to this state",
      );
    }
    this.#open.set(Wrapped, opened);
    return opened;
  }

  #wrapping(): Uint8Array {
    if (this.#wrappingKey !== undefined) return this.#wrappingKey;
    throw new CodedError("keyring", "the keyring is not open yet", "start it before it is used");
  }
}

export interface RotateOptions {
  readonly full?: boolean;
  /** Nanoseconds since the epoch; 0: at once. */
  readonly publishNs?: number;
}

interface NewKey extends Required<RotateOptions> {
  readonly rsa: string | undefined;
}

function putKey(key: RootKey): Op {
  return put(rootKeys, { namespace: GLOBAL, id: key.KeyID }, key);
}
