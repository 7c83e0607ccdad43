import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { parseDuration } from "#base/language/duration.ts";
import type { Session } from "#base/protocol/kv.ts";
import { present, put, remove, unchanged } from "#base/state/codec.ts";
import type { Op, Store } from "#base/state/store.ts";
import type { Row, View, ViewChange } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, kv, preparedQueries, sessions } from "#base/state/tables.ts";
import type { LockDelays } from "./lock-delays.ts";

/** https://developer.hashicorp.com/consul/api-docs/session#ttl */
const MIN_TTL_MS = 10_000;
/** Ours: what is asked for as a lease is taken at its word, so it may be short. */
const MIN_LEASE_MS = 2000;
const MAX_TTL_MS = 86_400_000;
/** A session lives this many times its TTL without being renewed: its holder is warned by its own clock first. */
const TTL_MULTIPLIER = 2;
const MAX_SESSIONS = 50_000;
/** Keys released in one transaction. */
const KEYS_PER_TXN = 1000;
const RETRY_MS = 1000;

export interface SessionDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  readonly delays: LockDelays;
  /** Told of a session that its holder renewed, instead of setting a timer here: timers are the leader's. */
  readonly renewed?: (session: Session) => void;
}

/** Sessions and what ends them: destruction, an unrenewed TTL, a node that goes, a check that fails. */
export class Sessions {
  readonly #deps: SessionDeps;
  readonly #timers = new Map<string, Timer>();
  #stopWatching: (() => void) | undefined;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** Every session gets its whole time again: nobody knows how much was left. */
  start(): void {
    const { view } = this.#deps;
    for (const { value } of view.table(sessions).list(GLOBAL)) {
      this.arm(value);
      // What it depends on may have gone while nobody looked.
      const lost = this.#lostBy(value);
      if (lost !== undefined) void this.#invalidate(value.ID, lost);
    }
    this.#stopWatching = view.onChange((change) => this.#onChange(change));
  }

  stop(): void {
    this.#stopWatching?.();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  get(id: string): Row<Session> | undefined {
    return this.#deps.view.table(sessions).get(GLOBAL, id);
  }

  /** Rejects with `invalid_session`, `unknown_node` or `failed_check`. */
  async create(session: Omit<Session, "ID">, { isLease = false } = {}): Promise<Session> {
    const { env, store, view } = this.#deps;
    this.#validate(session, isLease);
    const made: Session = { ID: env.random.uuid(), ...session };
    const done = await store.txn({
      compare: [present(catalogNodes, GLOBAL, session.Node)],
      then: [put(sessions, { namespace: GLOBAL, id: made.ID }, made)],
    });
    if (!done.ok) throw unknownNode(session.Node);
    await view.reached(done.revision);
    return made;
  }

  /** Undefined when there is no such session. */
  renew(id: string): Row<Session> | undefined {
    const row = this.get(id);
    if (row === undefined) return undefined;
    if (this.#deps.renewed === undefined) this.arm(row.value);
    else this.#deps.renewed(row.value);
    return row;
  }

  /** It lives for its whole time again. */
  arm(session: Session): void {
    const ttlMs = ttlOf(session);
    const livesMs = ttlMs < MIN_TTL_MS ? ttlMs : ttlMs * TTL_MULTIPLIER;
    if (ttlMs > 0) this.#setTimer(session.ID, livesMs, () => void this.#invalidate(session.ID, "its TTL ran out"));
  }

  /**
   * Releases or deletes what it holds, in the same transaction; those keys stay locked for its lock delay. Fine when it
   * is gone already.
   */
  async end(id: string): Promise<void> {
    const { store, view, delays } = this.#deps;
    for (;;) {
      const row = this.get(id);
      if (row === undefined) return;
      const held = [...view.table(kv).by("session", id)].slice(0, KEYS_PER_TXN);
      const last = held.length < KEYS_PER_TXN;
      for (const key of held) delays.delay(key.id, row.value.LockDelay / 1e6);
      const done = await store.txn({
        compare: [unchanged(sessions, row), ...held.map((key) => unchanged(kv, key))],
        then: [
          ...(last ? [remove(sessions, GLOBAL, id), ...this.#queriesOf(id)] : []),
          ...held.map((key) =>
            row.value.Behavior === "delete" ? remove(kv, GLOBAL, key.id) : put(kv, key, { ...key.value, Session: "" }),
          ),
        ],
      });
      await view.reached(done.revision);
    }
  }

  /** Ends it because what it depends on failed. */
  async #invalidate(id: string, reason: string): Promise<void> {
    const { env } = this.#deps;
    const row = this.get(id);
    if (row === undefined) return;
    env.log.info("a session is invalidated", { session: id, name: row.value.Name, reason });
    try {
      await this.end(id);
    } catch (thrown) {
      env.log.warn("cannot end a session; trying again", { session: id, error: messageOf(thrown) });
      this.#setTimer(id, RETRY_MS, () => void this.#invalidate(id, reason));
    }
  }

  /** Prepared queries that go with it. */
  #queriesOf(id: string): readonly Op[] {
    const bound = [...this.#deps.view.table(preparedQueries).by("session", id)];
    return bound.map((row) => remove(preparedQueries, GLOBAL, row.id));
  }

  #validate(session: Omit<Session, "ID">, isLease: boolean): void {
    const { view } = this.#deps;
    if (isLease) {
      const ttlMs = ttlOf(session);
      if (!(ttlMs >= MIN_LEASE_MS && ttlMs < MIN_TTL_MS))
        throw new CodedError("invalid_session", `Invalid Lease '${session.TTL}', must be at least 2s and below 10s`);
    } else if (session.TTL !== "") {
      const ttlMs = ttlOf(session);
      if (ttlMs !== 0 && !(ttlMs >= MIN_TTL_MS && ttlMs <= MAX_TTL_MS)) {
        throw new CodedError("invalid_session", `Invalid Session TTL '${session.TTL}', must be between [10s=24h0m0s]`);
      }
    }
    if (view.table(sessions).size >= MAX_SESSIONS)
      throw new CodedError("invalid_session", `there are ${MAX_SESSIONS} sessions already`);
    if (view.table(catalogNodes).get(GLOBAL, session.Node) === undefined) throw unknownNode(session.Node);
    for (const id of checksOf(session)) {
      const check = view.table(catalogChecks).get(GLOBAL, `${session.Node}/${id}`);
      if (check === undefined) throw new CodedError("failed_check", `Missing check '${id}' registration`);
      if (check.value.Status === "critical") throw new CodedError("failed_check", `Check '${id}' is in critical state`);
    }
  }

  /** Why a session may not go on; undefined: it may. */
  #lostBy(session: Session): string | undefined {
    const { view } = this.#deps;
    if (view.table(catalogNodes).get(GLOBAL, session.Node) === undefined) return "its node was deregistered";
    for (const id of checksOf(session)) {
      const check = view.table(catalogChecks).get(GLOBAL, `${session.Node}/${id}`)?.value;
      if (check === undefined) return `check ${id} was deregistered`;
      if (check.Status === "critical") return `check ${id} is critical`;
    }
    return undefined;
  }

  #onChange({ rows }: ViewChange): void {
    for (const row of rows) {
      if (row.table === sessions.name) this.#sessionChanged(row.id);
      else if (row.table === catalogChecks.name) this.#checkChanged(row.id);
      else if (row.table === catalogNodes.name && row.kind === "delete") {
        for (const session of this.#of(row.id)) void this.#invalidate(session.ID, "its node was deregistered");
      }
    }
  }

  #sessionChanged(id: string): void {
    const row = this.get(id);
    if (row !== undefined) return this.arm(row.value);
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
  }

  #checkChanged(rowId: string): void {
    const slash = rowId.indexOf("/");
    const [node, checkId] = [rowId.slice(0, slash), rowId.slice(slash + 1)];
    const check = this.#deps.view.table(catalogChecks).get(GLOBAL, rowId);
    if (check !== undefined && check.value.Status !== "critical") return;
    const reason = `check ${checkId} ${check === undefined ? "was deregistered" : "is critical"}`;
    for (const session of this.#of(node))
      if (checksOf(session).includes(checkId)) void this.#invalidate(session.ID, reason);
  }

  #of(node: string): readonly Session[] {
    return [...this.#deps.view.table(sessions).by("node", node)].map((row) => row.value);
  }

  #setTimer(id: string, afterMs: number, fire: () => void): void {
    this.#timers.get(id)?.cancel();
    this.#timers.set(id, this.#deps.env.clock.after(afterMs, fire));
  }
}

function checksOf(session: Pick<Session, "NodeChecks" | "ServiceChecks">): readonly string[] {
  return [...session.NodeChecks, ...session.ServiceChecks.map((check) => check.ID)];
}

/** 0 when it has none, NaN when it cannot be read. */
function ttlOf({ TTL }: Pick<Session, "TTL">): number {
  return TTL === "" ? 0 : (parseDuration(TTL) ?? NaN) / 1e6;
}

function unknownNode(node: string): CodedError {
  return new CodedError("unknown_node", `Missing node registration: ${JSON.stringify(node)} is not in the catalog`);
}
