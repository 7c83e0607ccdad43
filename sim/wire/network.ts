import type { Life } from "../machine/life.ts";
import type { Prng } from "../prng.ts";

export interface Conditions {
  /** One way, in milliseconds: uniform between the two. */
  readonly delayMs: readonly [least: number, most: number];
  /** Of datagrams only: streams repeat what is lost, which costs them time instead. */
  readonly loss: number;
  readonly duplicate: number;
}

/** Where messages go to. */
export interface Place {
  readonly name: string;
  readonly address: string;
  /** Undefined while it is down. */
  readonly life: Life | undefined;
}

/** What is reset when an end of it dies. */
export interface Connection {
  touches(life: Life): boolean;
  break(code: string): void;
}

const FAIR_WEATHER: Conditions = { delayMs: [0.2, 2], loss: 0, duplicate: 0 };
const LOOPBACK_MS = 0.05;
const RETRANSMIT_MS = 300;

/** Who reaches whom, how fast and how well. */
export class Network {
  readonly channels = new Set<Connection>();
  readonly random: Prng;
  readonly #nodes: ReadonlyMap<string, Place>;
  readonly #blocked = new Set<string>();
  #conditions = FAIR_WEATHER;

  constructor(nodes: ReadonlyMap<string, Place>, random: Prng) {
    this.#nodes = nodes;
    this.random = random;
  }

  get conditions(): Conditions {
    return this.#conditions;
  }

  setConditions(conditions: Conditions): void {
    this.#conditions = conditions;
  }

  /** One direction: what `from` sends does not reach `to`. */
  block(from: string, to: string): void {
    if (from !== to) this.#blocked.add(`${from}>${to}`);
  }

  partition(side: readonly string[], other: readonly string[]): void {
    for (const a of side) {
      for (const b of other) {
        this.block(a, b);
        this.block(b, a);
      }
    }
  }

  /** Both directions between a node and everyone. */
  unblock(name: string): void {
    for (const way of this.#blocked)
      if (way.startsWith(`${name}>`) || way.endsWith(`>${name}`)) this.#blocked.delete(way);
  }

  heal(): void {
    this.#blocked.clear();
    this.#conditions = FAIR_WEATHER;
  }

  passes(from: Life, to: { readonly name: string }): boolean {
    return !this.#blocked.has(`${from.name}>${to.name}`);
  }

  /** One message's way from one node to the other. Lost pieces of a stream come again later. */
  streamDelay(from: Life, to: Life): number {
    const repeats = from.name !== to.name && this.random.chance(this.#conditions.loss) ? RETRANSMIT_MS : 0;
    return this.datagramDelay(from, to) + repeats;
  }

  datagramDelay(from: Life, to: Life): number {
    if (from.name === to.name) return LOOPBACK_MS;
    const [least, most] = this.#conditions.delayMs;
    return this.random.between(least, most);
  }

  /** The node a host means to `asker`: an address, a name, or loopback. */
  resolve(host: string, asker: Life): Place | undefined {
    const plain = host.replace(/^\[|\]$/g, "");
    if (["localhost", "::1"].includes(plain) || plain.startsWith("127.")) return this.#nodes.get(asker.name);
    return this.#nodes.get(plain) ?? [...this.#nodes.values()].find((node) => node.address === plain);
  }

  /** A life ended: its streams are reset at the other end. */
  dropLife(life: Life): void {
    for (const channel of this.channels) if (channel.touches(life)) channel.break("ECONNRESET");
  }
}
