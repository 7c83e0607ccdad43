import type { Asked } from "../packet/asked.ts";
import { StoredReply, type ReplyBytes } from "./stored-reply.ts";

const HEADER = 12;
const FIRST_SLOTS = 256;

/** Replies by name, type and scope. At its limit those leave that nobody asked for since the hand last passed (CLOCK). */
export class ReplyTable {
  readonly #limit: number;
  #slots: (StoredReply | undefined)[] = emptySlots(FIRST_SLOTS);
  /** Per slot, a bit for each reply in it: most questions that nobody asked before are told by these alone. */
  #marks = new Uint32Array(FIRST_SLOTS);
  #count = 0;
  #hand = 0;

  /** At least one reply. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#count;
  }

  /** `scope` tells apart answers of different servers, and of those who want DNSSEC's records. */
  find(asked: Asked, scope: number): StoredReply | undefined {
    const hash = questionHash(asked, scope);
    const slot = hash & (this.#slots.length - 1);
    if (((this.#marks[slot] ?? 0) & markOf(hash)) === 0) return undefined;
    let found = this.#slots[slot];
    while (found !== undefined) {
      if (found.hash === hash && found.type === asked.type && found.scope === scope && isName(found, asked)) {
        // Not written for nothing: it would only make the memory dirty.
        if (!found.used) found.used = true;
        return found;
      }
      found = found.next;
    }
    return undefined;
  }

  /** Takes the place of what was there. */
  put(asked: Asked, scope: number, reply: ReplyBytes): StoredReply {
    const known = this.find(asked, scope);
    if (known !== undefined) {
      known.bytes = reply.bytes;
      known.ttlAt = reply.ttlAt;
      known.rcode = reply.rcode;
      known.reply = reply.reply;
      return known;
    }
    if (this.#count >= this.#limit) this.#makeRoom();
    if (this.#count > this.#slots.length) this.#grow();
    const stored = this.loose(asked, scope, reply);
    this.#insert(stored);
    this.#count += 1;
    return stored;
  }

  /** The same, and not kept. */
  loose(asked: Asked, scope: number, reply: ReplyBytes): StoredReply {
    const stored = new StoredReply(
      { hash: questionHash(asked, scope), type: asked.type, scope, name: asked.text() },
      reply,
    );
    stored.nameLength = asked.nameLength;
    return stored;
  }

  clear(): void {
    this.#slots = emptySlots(FIRST_SLOTS);
    this.#marks = new Uint32Array(FIRST_SLOTS);
    this.#count = 0;
    this.#hand = 0;
  }

  *[Symbol.iterator](): Iterator<StoredReply> {
    for (const first of this.#slots) for (let each = first; each !== undefined; each = each.next) yield each;
  }

  #insert(stored: StoredReply): void {
    const slot = stored.hash & (this.#slots.length - 1);
    stored.next = this.#slots[slot];
    this.#slots[slot] = stored;
    this.#marks[slot] = (this.#marks[slot] ?? 0) | markOf(stored.hash);
  }

  #markAnew(slot: number): void {
    let marks = 0;
    for (let each = this.#slots[slot]; each !== undefined; each = each.next) marks |= markOf(each.hash);
    this.#marks[slot] = marks;
  }

  #makeRoom(): void {
    for (let steps = 2 * this.#slots.length; steps > 0; steps--) {
      this.#hand = (this.#hand + 1) & (this.#slots.length - 1);
      let before: StoredReply | undefined;
      for (let each = this.#slots[this.#hand]; each !== undefined; each = each.next) {
        if (!each.used) {
          if (before === undefined) this.#slots[this.#hand] = each.next;
          else before.next = each.next;
          this.#count -= 1;
          this.#markAnew(this.#hand);
          return;
        }
        each.used = false;
        before = each;
      }
    }
  }

  #grow(): void {
    const all = [...this];
    const slots = this.#slots.length * 4;
    this.#slots = emptySlots(slots);
    this.#marks = new Uint32Array(slots);
    for (const each of all) this.#insert(each);
  }
}

function emptySlots(count: number): (StoredReply | undefined)[] {
  return new Array<StoredReply | undefined>(count).fill(undefined);
}

/** By bits that do not choose the slot. */
function markOf(hash: number): number {
  return 1 << (hash >>> 27);
}

/** Of a question as answers are kept by. */
export function questionHash(asked: Asked, scope: number): number {
  let hash = (asked.hashes[0] ?? 0) ^ Math.imul(asked.type + 1, 0x9e3779b1) ^ Math.imul(scope + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

function isName(stored: StoredReply, asked: Asked): boolean {
  const length = asked.nameLength;
  if (stored.nameLength !== length) return false;
  const { bytes } = stored;
  const { name } = asked;
  for (let i = 0; i < length; i++) if (bytes[HEADER + i] !== name[i]) return false;
  return true;
}
