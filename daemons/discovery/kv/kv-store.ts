import { CodedError } from "#base/env/errors.ts";
import { GLOBAL, keyOf } from "#base/protocol/keys.ts";
import type { KvEntry } from "#base/protocol/kv.ts";
import { absent, present, put, remove, unchanged } from "#base/state/codec.ts";
import type { Compare, Op, Store } from "#base/state/store.ts";
import type { Row, View } from "#base/state/table.ts";
import { kv, sessions } from "#base/state/tables.ts";
import { decideKvWrite, type KvDecision, type KvWrite } from "./kv-write.ts";
import type { LockDelays } from "./lock-delays.ts";

/** Largest value, before base64. */
export const MAX_KV_VALUE_BYTES = 512 * 1024;
/** Tries of one write against others of the same key. */
const MAX_ATTEMPTS = 100;

export interface KvOutcome {
  readonly ok: boolean;
  /** Of the store, after the write. */
  readonly revision: number;
}

/** Writes of single keys and of whole prefixes. Reads come from the view. */
export class KvStore {
  readonly #store: Store;
  readonly #view: View;
  readonly #delays: LockDelays;

  constructor(deps: { readonly store: Store; readonly view: View; readonly delays: LockDelays }) {
    this.#store = deps.store;
    this.#view = deps.view;
    this.#delays = deps.delays;
  }

  get(key: string): Row<KvEntry> | undefined {
    return this.#view.table(kv).get(GLOBAL, key);
  }

  list(prefix: string): Iterable<Row<KvEntry>> {
    return this.#view.table(kv).list(GLOBAL, prefix);
  }

  decide(write: KvWrite, current: Row<KvEntry> | undefined): KvDecision {
    return decideKvWrite(write, current, { lockDelayed: this.#delays.isDelayed(write.key) });
  }

  /** Resolves once this server's reads show it. Rejects with `unknown_session` or `contended`, or a store error. */
  async write(write: KvWrite): Promise<KvOutcome> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const current = this.get(write.key);
      const missing = this.#missingSession(write);
      if (missing !== undefined) {
        if (await this.#isSo(write.key, [absent(sessions, GLOBAL, missing)])) throw unknownSession(missing);
        continue;
      }
      const decision = this.decide(write, current);
      if (decision.kind === "refuse" || decision.kind === "keep") {
        // Another server may have written since: what is answered without a write has to be true of now as well.
        if (!(await this.#isSo(write.key, kvCompare(write, current)))) continue;
        return { ok: decision.kind === "keep", revision: this.#view.index };
      }
      const done = await this.#store.txn({ compare: kvCompare(write, current), then: [kvOp(write.key, decision)] });
      await this.#view.reached(done.revision);
      if (done.ok) return { ok: true, revision: done.revision };
    }
    throw new CodedError(
      "contended",
      `key ${write.key} was changed by others ${MAX_ATTEMPTS} times while it was written`,
    );
  }

  async deleteTree(prefix: string): Promise<KvOutcome> {
    const { revision } = await this.#store.txn({
      then: [{ op: "deletePrefix", prefix: keyOf(kv.name, GLOBAL, prefix) }],
    });
    await this.#view.reached(revision);
    return { ok: true, revision };
  }

  #missingSession(write: KvWrite): string | undefined {
    if (write.verb !== "lock" || this.#view.table(sessions).get(GLOBAL, write.session) !== undefined) return undefined;
    return write.session;
  }

  /** Whether the store agrees with what the view shows; where it does not, the view has caught up afterwards. */
  async #isSo(key: string, compare: readonly Compare[]): Promise<boolean> {
    const { ok, revision } = await this.#store.txn({
      compare,
      then: [{ op: "get", key: keyOf(kv.name, GLOBAL, key) }],
    });
    if (!ok) await this.#view.reached(revision);
    return ok;
  }
}

function unknownSession(session: string): CodedError {
  return new CodedError(
    "unknown_session",
    `invalid session ${JSON.stringify(session)}`,
    "create it with PUT /v1/session/create",
  );
}

/** Holds while the entry is as it was looked at, and the session that locks it is there. */
export function kvCompare(write: KvWrite, current: Row<KvEntry> | undefined): readonly Compare[] {
  const same = current === undefined ? absent(kv, GLOBAL, write.key) : unchanged(kv, current);
  return write.verb === "lock" ? [same, present(sessions, GLOBAL, write.session)] : [same];
}

export function kvOp(key: string, decision: Extract<KvDecision, { kind: "put" | "delete" }>): Op {
  return decision.kind === "delete" ? remove(kv, GLOBAL, key) : put(kv, { namespace: GLOBAL, id: key }, decision.entry);
}
