import type { Life } from "../machine/life.ts";
import type { Network } from "./network.ts";

export interface ChannelMessage {
  readonly label: string;
  readonly deliver: () => void;
}

interface Direction {
  readonly from: Life;
  readonly to: Life;
  readonly queue: { readonly message: ChannelMessage; readonly dueMs: number }[];
  lastDueMs: number;
  blockedSinceMs: number | undefined;
  pumping: boolean;
}

const RETRY_MS = 200;
/** A stream that gets nothing across for so long is given up by both ends. */
const GIVE_UP_MS = 15_000;

/** A reliable, ordered connection between two lives. The sender copies what it sends. */
export class Channel {
  readonly #network: Network;
  readonly #ways: readonly [Direction, Direction];
  readonly #onBroken = new Map<Life, (code: string) => void>();
  #open = true;

  constructor(network: Network, a: Life, b: Life) {
    this.#network = network;
    this.#ways = [wayOf(a, b), wayOf(b, a)];
    network.channels.add(this);
  }

  get open(): boolean {
    return this.#open;
  }

  touches(life: Life): boolean {
    return this.#ways[0].from === life || this.#ways[0].to === life;
  }

  /** `end` says which side; both may be the same life, over loopback. */
  send(end: 0 | 1, message: ChannelMessage): void {
    if (!this.#open) return;
    const way = this.#ways[end];
    const dueMs = Math.max(way.lastDueMs, way.from.timeline.timeMs + this.#network.streamDelay(way.from, way.to));
    way.lastDueMs = dueMs;
    way.queue.push({ message, dueMs });
    if (!way.pumping) this.#pump(way, dueMs - way.from.timeline.timeMs);
  }

  onBroken(life: Life, handler: (code: string) => void): void {
    this.#onBroken.set(life, handler);
  }

  /** Ends it without a word from either side. Living ends learn it as soon as the network lets them. */
  break(code: string): void {
    if (!this.#open) return;
    this.close();
    for (const [life, handler] of this.#onBroken) {
      const way = this.#ways.find((each) => each.to === life);
      const passes = way === undefined || this.#network.passes(way.from, way.to);
      if (life.alive) life.schedule(passes ? RETRY_MS / 100 : GIVE_UP_MS, `connection ${code}`, () => handler(code));
    }
  }

  /** Both ends know. */
  close(): void {
    this.#open = false;
    this.#network.channels.delete(this);
  }

  #pump(way: Direction, delayMs: number): void {
    way.pumping = true;
    const first = way.queue[0];
    const label = `from ${way.from.name}: ${first?.message.label ?? "nothing"}`;
    way.to.schedule(delayMs, label, () => {
      way.pumping = false;
      if (!this.#open) return;
      if (!this.#network.passes(way.from, way.to)) {
        this.#waitOut(way);
        return;
      }
      way.blockedSinceMs = undefined;
      way.queue.shift()?.message.deliver();
      const next = way.queue[0];
      if (next !== undefined && !way.pumping) this.#pump(way, next.dueMs - way.to.timeline.timeMs);
    });
  }

  #waitOut(way: Direction): void {
    const nowMs = way.to.timeline.timeMs;
    way.blockedSinceMs ??= nowMs;
    if (nowMs - way.blockedSinceMs >= GIVE_UP_MS) this.break("ETIMEDOUT");
    else this.#pump(way, RETRY_MS);
  }
}

function wayOf(from: Life, to: Life): Direction {
  return { from, to, queue: [], lastDueMs: 0, blockedSinceMs: undefined, pumping: false };
}
