import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { isOfContainers } from "#base/env/own-address.ts";
import type { LinkSockets } from "#base/env/link-socket.ts";
import type { InterfaceAddress } from "#base/env/net.ts";
import { ipv4Bytes } from "#base/protocol/dns/address.ts";
import type { Announcement, Heard, Neighbour } from "./announcement.ts";
import { Link } from "./link.ts";

/** Interfaces come and go; so often they are looked at, and while it `listens`, when they are looked at as often, the links are asked. */
const LOOK_MS = 10_000;
const ASK_MS = 2_000;
/** Of a link that shouts, no more are kept. */
const MAX_NEIGHBOURS = 256;
const MAX_TTL_S = 4500;

export interface NeighboursDeps {
  readonly env: Env;
  readonly sockets: LinkSockets;
  /** What is said of this machine; undefined: nothing. */
  readonly own: Announcement | undefined;
  /** Goes on asking who is there; else it only answers. */
  readonly listens: boolean;
  /** Default 5353. */
  readonly port?: number;
  /** Which interfaces are links. Default: all with an IPv4 address but loopback and those of containers. */
  readonly isLink?: (name: string) => boolean;
}

interface Entry {
  readonly neighbour: Neighbour;
  readonly untilMs: number;
}

/** The machines on the links of this one. */
export class Neighbours {
  readonly #deps: NeighboursDeps;
  readonly #links = new Map<string, Link>();
  readonly #heard = new Map<string, Entry>();
  #own: Announcement | undefined;
  #names = 1;
  #look: Timer | undefined;
  #ask: Timer | undefined;
  #isOpen = false;

  constructor(deps: NeighboursDeps) {
    this.#deps = deps;
    this.#own = deps.own;
  }

  /** The name this machine has on its links, where nobody else has it. */
  get host(): string {
    return this.#own?.host ?? "";
  }

  /** Some link could be joined; they are looked for again every few seconds. */
  get hasLinks(): boolean {
    return this.#links.size > 0;
  }

  /** Every card that is plugged in (and so has an address of some kind) is one of the links. */
  get hasAllLinks(): boolean {
    const linked = new Set([...this.#links.keys()].map(nameOf));
    return [...this.#cards().keys()].every((name) => linked.has(name));
  }

  async start(): Promise<void> {
    this.#isOpen = true;
    await this.#review();
    if (this.#deps.listens) this.#keepAsking();
  }

  /** Those that are there, by name. */
  list(): readonly Neighbour[] {
    const nowMs = this.#deps.env.clock.monotonicMs();
    for (const [host, { untilMs }] of this.#heard) if (untilMs <= nowMs) this.#heard.delete(host);
    return [...this.#heard.values()].map(({ neighbour }) => neighbour).toSorted((a, b) => (a.host < b.host ? -1 : 1));
  }

  /** From now on this is said of the machine, under the name it has. */
  say(text: Announcement["text"], ttlS: number): void {
    if (this.#own === undefined) return;
    this.#own = { ...this.#own, text, ttlS };
    for (const link of this.#links.values()) void link.announce(this.#own);
  }

  /** Takes back what was said; `quietly`: others believe it for as long as they were told. */
  async stop({ quietly = false }: { readonly quietly?: boolean } = {}): Promise<void> {
    this.#isOpen = false;
    this.#look?.cancel();
    this.#ask?.cancel();
    await Promise.all([...this.#links.values()].map((link) => link.close({ quietly })));
    this.#links.clear();
  }

  #keepAsking(): void {
    for (const link of this.#links.values()) link.ask();
    this.#ask = this.#deps.env.clock.after(ASK_MS, () => this.#keepAsking());
  }

  async #review(): Promise<void> {
    const { env, sockets, port } = this.#deps;
    const found = this.#interfaces();
    for (const [id, link] of this.#links) {
      if (found.has(id)) continue;
      this.#links.delete(id);
      await link.close();
    }
    for (const [id, addresses] of found) {
      if (this.#links.has(id) || !this.#isOpen) continue;
      const link = new Link({
        env,
        sockets,
        addresses,
        ...(port === undefined ? {} : { port }),
        isPeer: (address) => this.#isPeer(nameOf(id), address),
        onHeard: (heard) => this.#hear(heard),
        onTaken: (host) => this.#rename(host),
      });
      this.#links.set(id, link);
      try {
        await link.open();
        void link.announce(this.#own);
      } catch (thrown) {
        this.#links.delete(id);
        env.log.debug("a link cannot be heard", { id, error: messageOf(thrown) });
      }
    }
    const againMs = this.#deps.listens ? ASK_MS : LOOK_MS;
    if (this.#isOpen) this.#look = env.clock.after(againMs, () => void this.#review());
  }

  /** By what identifies a link as it is now, its own addresses there. */
  #interfaces(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, readonly string[]>();
    for (const [name, each] of this.#cards()) {
      const sorted = each.toSorted((a, b) => a.family - b.family).map(({ address }) => address);
      if (each.some(({ family }) => family === 4)) found.set(`${name} ${sorted.join(" ")}`, sorted);
    }
    return found;
  }

  #cards(): ReadonlyMap<string, readonly InterfaceAddress[]> {
    const { env, isLink = (name) => !isOfContainers(name) } = this.#deps;
    return Map.groupBy(
      env.net.interfaces().filter(({ name, internal }) => !internal && isLink(name)),
      ({ name }) => name,
    );
  }

  #isPeer(link: string, address: string): boolean {
    const own = this.#deps.env.net.interfaces();
    if (own.some((each) => each.address === address)) return false;
    return own.some(({ name, family, cidr }) => name === link && family === 4 && isWithin(address, cidr));
  }

  #hear(heard: readonly Heard[]): void {
    const { clock } = this.#deps.env;
    for (const { ttlS, ...neighbour } of heard) {
      if (ttlS === 0) this.#heard.delete(neighbour.host);
      else if (this.#heard.has(neighbour.host) || this.#heard.size < MAX_NEIGHBOURS) {
        const untilMs = clock.monotonicMs() + Math.min(ttlS, MAX_TTL_S) * 1000;
        this.#heard.set(neighbour.host, { neighbour, untilMs });
      }
    }
  }

  /** RFC 6762, section 9. */
  #rename(taken: string): void {
    if (this.#own === undefined || this.#own.host !== taken || this.#deps.own === undefined) return;
    this.#names += 1;
    this.#own = { ...this.#own, host: `${this.#deps.own.host}-${this.#names}` };
    this.#deps.env.log.warn("another machine of this network has the name", { taken, now: this.#own.host });
    for (const link of this.#links.values()) void link.announce(this.#own);
  }
}

/** Of the interface that a link's id begins with. */
function nameOf(id: string): string {
  return id.split(" ")[0] ?? "";
}

function isWithin(address: string, cidr: string): boolean {
  const [network = "", bits = "32"] = cidr.split("/");
  const shift = 2 ** (32 - Number(bits));
  const [a, b] = [number(address), number(network)];
  return a !== undefined && b !== undefined && Math.floor(a / shift) === Math.floor(b / shift);
}

function number(address: string): number | undefined {
  return ipv4Bytes(address)?.reduce((sum, byte) => sum * 256 + byte, 0);
}
