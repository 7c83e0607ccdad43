import {
  EtcdError,
  type EtcdCompare,
  type EtcdEvent,
  type EtcdKeyValue,
  type EtcdOp,
  type EtcdOpResult,
  type EtcdRange,
  type EtcdRangeResult,
  type EtcdTxn,
  type EtcdTxnResult,
  type Span,
} from "#base/state/etcd/api.ts";

interface Version {
  readonly modRevision: number;
  /** Undefined: deleted. */
  readonly record: EtcdKeyValue | undefined;
}

interface Lease {
  expiresMs: number;
  readonly ttlMs: number;
  readonly keys: Set<string>;
}

/** All of one etcd: a majority that answers as one. Time is whatever the caller says. */
export class SimEtcd {
  revision = 1;
  compactRevision = 0;
  readonly #versions = new Map<string, Version[]>();
  readonly #history = new Map<number, EtcdEvent[]>();
  readonly #leases = new Map<number, Lease>();
  readonly #followers = new Set<() => void>();

  /** Is told that there are new revisions. Returns the way to stop it. */
  follow(follower: () => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** What happened at one revision under a span; undefined: nothing has yet. */
  events(revision: number, span: Span): readonly EtcdEvent[] | undefined {
    if (revision > this.revision) return undefined;
    const events = this.#history.get(revision) ?? [];
    return events.filter((event) => isIn(event.kind === "put" ? event.record.key : event.key, span));
  }

  txn(txn: EtcdTxn): EtcdTxnResult {
    const decisions = new Map<EtcdTxn, boolean>();
    this.#decide(txn, decisions);
    const events: EtcdEvent[] = [];
    const result = this.#run(txn, decisions, events);
    if (events.length > 0) {
      this.revision += 1;
      this.#history.set(this.revision, events);
      for (const follower of this.#followers) follower();
    }
    return { revision: this.revision, ...result };
  }

  range({ span, limit = 0, revision = 0, countOnly = false }: EtcdRange): EtcdRangeResult {
    const at = revision === 0 ? this.revision : revision;
    if (at > this.revision) throw new EtcdError("future_revision", "required revision is a future revision");
    if (at < this.compactRevision) throw new EtcdError("compacted", "required revision has been compacted");
    const found = this.#under(span, at);
    const records = countOnly ? [] : found.slice(0, limit === 0 ? found.length : limit);
    return { revision: this.revision, records, count: found.length, more: !countOnly && records.length < found.length };
  }

  compact(revision: number): void {
    if (revision <= this.compactRevision) throw new EtcdError("compacted", "required revision has been compacted");
    if (revision > this.revision) throw new EtcdError("future_revision", "required revision is a future revision");
    this.compactRevision = revision;
    for (const at of this.#history.keys()) if (at < revision) this.#history.delete(at);
  }

  grant(id: number, ttlMs: number, nowMs: number): void {
    if (this.#leases.has(id)) throw new EtcdError("invalid", "lease already exists");
    this.#leases.set(id, { ttlMs, expiresMs: nowMs + ttlMs, keys: new Set() });
  }

  keep(id: number, nowMs: number): boolean {
    const lease = this.#leases.get(id);
    if (lease !== undefined) lease.expiresMs = nowMs + lease.ttlMs;
    return lease !== undefined;
  }

  revoke(id: number): void {
    const lease = this.#leases.get(id);
    this.#leases.delete(id);
    const keys = [...(lease?.keys ?? [])];
    if (keys.length > 0)
      this.txn({ compare: [], success: keys.map((key) => ({ op: "delete", span: { key } })), failure: [] });
  }

  /** Ends the leases that nobody kept. */
  expire(nowMs: number): void {
    for (const [id, { expiresMs }] of this.#leases) if (expiresMs <= nowMs) this.revoke(id);
  }

  #decide(txn: EtcdTxn, decisions: Map<EtcdTxn, boolean>): void {
    const holds = txn.compare.every((compare) => this.#holds(compare));
    decisions.set(txn, holds);
    for (const op of holds ? txn.success : txn.failure) if (op.op === "txn") this.#decide(op.txn, decisions);
  }

  #run(txn: EtcdTxn, decisions: ReadonlyMap<EtcdTxn, boolean>, events: EtcdEvent[]): Omit<EtcdTxnResult, "revision"> {
    const succeeded = decisions.get(txn) ?? false;
    const responses = (succeeded ? txn.success : txn.failure).map((op) => this.#apply(op, decisions, events));
    return { succeeded, responses };
  }

  #apply(op: EtcdOp, decisions: ReadonlyMap<EtcdTxn, boolean>, events: EtcdEvent[]): EtcdOpResult {
    const revision = this.revision + 1;
    if (op.op === "txn") return { op: "txn", ...this.#run(op.txn, decisions, events) };
    if (op.op === "range") return { op: "range", records: this.#under(op.span, revision) };
    if (op.op === "delete") {
      const gone = this.#under(op.span, revision);
      for (const previous of gone) {
        this.#set(previous.key, { modRevision: revision, record: undefined });
        events.push({ kind: "delete", key: previous.key, modRevision: revision, previous });
      }
      return { op: "delete", deleted: gone.length };
    }
    const previous = this.#at(op.key, revision);
    if (events.some((event) => event.kind === "put" && event.record.key === op.key))
      throw new EtcdError("invalid", "duplicate key given in txn request");
    const record: EtcdKeyValue = {
      key: op.key,
      value: op.value,
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
      version: (previous?.version ?? 0) + 1,
    };
    for (const { keys } of this.#leases.values()) keys.delete(op.key);
    if (op.lease !== undefined) {
      const lease = this.#leases.get(op.lease);
      if (lease === undefined) throw new EtcdError("invalid", "requested lease not found");
      lease.keys.add(op.key);
    }
    this.#set(op.key, { modRevision: revision, record });
    events.push({ kind: "put", record });
    return { op: "put", previous };
  }

  #holds(compare: EtcdCompare): boolean {
    const found = this.#under(compare.span, this.revision);
    if (found.length === 0 && compare.target === "value") return false;
    const records: readonly (EtcdKeyValue | undefined)[] = found.length === 0 ? [undefined] : found;
    return records.every((record) => {
      if (compare.target === "value") return relate(record?.value ?? "", compare.op, compare.operand);
      const field = { version: record?.version, create: record?.createRevision, mod: record?.modRevision };
      return relate(field[compare.target] ?? 0, compare.op, compare.operand);
    });
  }

  #under(span: Span, revision: number): EtcdKeyValue[] {
    const found: EtcdKeyValue[] = [];
    for (const key of this.#versions.keys()) {
      const record = isIn(key, span) ? this.#at(key, revision) : undefined;
      if (record !== undefined) found.push(record);
    }
    return found.toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  #at(key: string, revision: number): EtcdKeyValue | undefined {
    return this.#versions.get(key)?.findLast(({ modRevision }) => modRevision <= revision)?.record;
  }

  #set(key: string, version: Version): void {
    const versions = this.#versions.get(key) ?? [];
    versions.push(version);
    this.#versions.set(key, versions);
  }
}

function relate<T>(left: T, op: EtcdCompare["op"], right: T): boolean {
  if (op === "=") return left === right;
  if (op === "!=") return left !== right;
  return op === "<" ? left < right : left > right;
}

function isIn(key: string, span: Span): boolean {
  if ("key" in span) return key === span.key;
  const { prefix, after, before } = span;
  const bytes = Buffer.from(key);
  return (
    key.startsWith(prefix) &&
    (after === undefined || Buffer.compare(bytes, Buffer.from(after)) > 0) &&
    (before === undefined || Buffer.compare(bytes, Buffer.from(before)) < 0)
  );
}
