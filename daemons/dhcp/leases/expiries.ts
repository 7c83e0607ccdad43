import type { Ipv4 } from "../packet/ipv4.ts";

const BUCKET_MS = 1000;

/** Addresses by when something about them ends. One entry an address, whatever number of renewals it sees. */
export class Expiries {
  readonly #buckets = new Map<number, Set<Ipv4>>();
  readonly #at = new Map<Ipv4, number>();
  /** No bucket below has anything. */
  #oldest = Infinity;

  get size(): number {
    return this.#at.size;
  }

  set(ip: Ipv4, endMs: number): void {
    const bucket = Math.ceil(endMs / BUCKET_MS);
    if (this.#at.get(ip) === bucket) return;
    this.delete(ip);
    this.#at.set(ip, bucket);
    const others = this.#buckets.get(bucket);
    if (others === undefined) this.#buckets.set(bucket, new Set([ip]));
    else others.add(ip);
    this.#oldest = Math.min(this.#oldest, bucket);
  }

  delete(ip: Ipv4): void {
    const bucket = this.#at.get(ip);
    if (bucket === undefined) return;
    this.#at.delete(ip);
    const others = this.#buckets.get(bucket);
    others?.delete(ip);
    if (others?.size === 0) this.#buckets.delete(bucket);
  }

  /** Takes out all that have ended, oldest first. */
  due(nowMs: number): readonly Ipv4[] {
    const last = Math.floor(nowMs / BUCKET_MS);
    if (this.#oldest > last) return [];
    const ended = [...this.#buckets.keys()].filter((bucket) => bucket <= last).toSorted((a, b) => a - b);
    const due = ended.flatMap((bucket) => [...(this.#buckets.get(bucket) ?? [])]);
    for (const ip of due) this.delete(ip);
    this.#oldest = this.#buckets.keys().reduce((least, bucket) => Math.min(least, bucket), Infinity);
    return due;
  }
}
