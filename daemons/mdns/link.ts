import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { LinkSockets } from "#base/env/link-socket.ts";
import type { Address, DatagramSocket } from "#base/env/net.ts";
import { randomInt } from "#base/env/random.ts";
import { readMessage, type Message } from "#base/protocol/dns/message.ts";
import { CLASS, FLAG, TYPE, type Question, type ResourceRecord } from "#base/protocol/dns/record.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";
import {
  addressesFor,
  answersTo,
  hostName,
  key,
  readHeard,
  recordsOf,
  SERVICE,
  type Announcement,
  type Heard,
} from "./announcement.ts";

export const GROUP = "224.0.0.251";
export const PORT = 5353;
/** RFC 6762, section 8.1. */
const PROBES = 3;
const PROBE_MS = 250;
/** Section 8.3: twice at least, a second between. */
const ANNOUNCEMENTS = 2;
const ANNOUNCE_MS = 1000;
/** Section 6.7: what a resolver of the old kind may keep. */
const LEGACY_TTL_S = 10;
const MAX_QUESTIONS = 16;

export interface LinkDeps {
  readonly env: Env;
  readonly sockets: LinkSockets;
  /** Own addresses on this link, IPv4 first. */
  readonly addresses: readonly string[];
  readonly port?: number;
  /** Whether an address is of this link, and of another machine (RFC 6762, section 11). */
  readonly isPeer: (address: string) => boolean;
  readonly onHeard: (heard: readonly Heard[], from: Address) => void;
  /** Another machine has that name. */
  readonly onTaken: (host: string) => void;
}

/** One link: says who this machine is, answers those who ask, and hears the others. */
export class Link {
  readonly #deps: LinkDeps;
  readonly #writer = new MessageWriter();
  #socket: DatagramSocket | undefined;
  #own: Announcement | undefined;
  /** The name is ours: no one said otherwise. */
  #isClaimed = false;
  #turn = new AbortController();

  constructor(deps: LinkDeps) {
    this.#deps = deps;
  }

  async open(): Promise<void> {
    const { sockets, addresses, port = PORT } = this.#deps;
    const at = { group: GROUP, port, address: addresses[0] ?? "0.0.0.0" };
    this.#socket = await sockets.open(at, (data, from) => this.#receive(data, from));
  }

  /** From now on this is said of the machine; undefined: nothing. Resolves when its name was probed and announced. */
  async announce(own: Announcement | undefined): Promise<void> {
    const { env } = this.#deps;
    const isKnown = this.#isClaimed && this.#own?.host === own?.host;
    this.#turn.abort();
    const turn = new AbortController();
    this.#turn = turn;
    this.#own = own;
    if (own === undefined) return;
    if (!isKnown) {
      this.#isClaimed = false;
      await sleep(env.clock, randomInt(env.random, PROBE_MS), turn.signal);
      for (let probe = 0; probe < PROBES && !turn.signal.aborted; probe++) {
        this.#probe(own);
        await sleep(env.clock, PROBE_MS, turn.signal);
      }
      if (turn.signal.aborted) return;
      this.#isClaimed = true;
    }
    for (let time = 0; time < ANNOUNCEMENTS && !turn.signal.aborted; time++) {
      if (time > 0) await sleep(env.clock, ANNOUNCE_MS, turn.signal);
      if (!turn.signal.aborted) this.#say(this.#records(own), []);
    }
  }

  /** Asks who is there. */
  ask(): void {
    this.#writer.start({ id: 0, flags: 0 });
    this.#writer.question({ name: SERVICE, type: TYPE.PTR, class: CLASS.IN });
    this.#send(this.#writer.finish());
  }

  /** Takes back what was said, unless `quietly`. */
  async close({ quietly = false }: { readonly quietly?: boolean } = {}): Promise<void> {
    this.#turn.abort();
    if (this.#own !== undefined && this.#isClaimed && !quietly) {
      this.#say(
        this.#records(this.#own).map((record) => ({ ...record, ttl: 0 })),
        [],
      );
    }
    await this.#socket?.close();
  }

  #records(own: Announcement): readonly ResourceRecord[] {
    return recordsOf(own, this.#deps.addresses);
  }

  #probe(own: Announcement): void {
    this.#writer.start({ id: 0, flags: 0 });
    this.#writer.question({ name: hostName(own.host), type: TYPE.ANY, class: CLASS.IN });
    for (const record of recordsOf({ ...own, port: 0 }, this.#deps.addresses))
      this.#writer.record(2, { ...record, class: CLASS.IN });
    this.#send(this.#writer.finish());
  }

  #receive(data: Uint8Array, from: Address): void {
    const message = readMessage(data);
    if (message === undefined || !this.#deps.isPeer(from.host)) return;
    if ((message.header.flags & FLAG.QR) === 0) this.#answer(message, from);
    else this.#hear(message, from);
  }

  #hear(message: Message, from: Address): void {
    // Section 11: answers come from the port of the protocol, or are none.
    if (from.port !== (this.#deps.port ?? PORT)) return;
    const own = this.#own;
    if (own !== undefined && this.#isTaken(own, [...message.answers, ...message.additionals])) {
      this.#deps.onTaken(own.host);
      return;
    }
    const heard = readHeard(message);
    if (heard.length > 0) this.#deps.onHeard(heard, from);
  }

  /** Records of our name that are not ours. */
  #isTaken(own: Announcement, records: readonly ResourceRecord[]): boolean {
    const living = records.filter(({ ttl }) => ttl > 0);
    const theirs = addressesFor(own.host, living);
    return theirs.length > 0 && !theirs.some((each) => this.#deps.addresses.includes(each));
  }

  #answer(message: Message, from: Address): void {
    const own = this.#own;
    if (own === undefined) return;
    if (!this.#isClaimed) {
      // Section 8.2: both want the name; whose address is later in order has it.
      const theirs = addressesFor(own.host, message.authorities).toSorted().at(-1);
      const mine = this.#deps.addresses.toSorted().at(-1) ?? "";
      if (theirs !== undefined && theirs > mine) this.#deps.onTaken(own.host);
      return;
    }
    const records = this.#records(own);
    const isLegacy = from.port !== (this.#deps.port ?? PORT);
    for (const question of message.questions.slice(0, MAX_QUESTIONS)) {
      const { answers, additionals } = answersTo(question, records);
      const unknown = answers.filter((record) => !isKnownBy(message, record));
      if (unknown.length === 0) continue;
      if (isLegacy) this.#answerLegacy({ message, question, from, answers: unknown });
      else this.#say(unknown, additionals);
    }
  }

  #answerLegacy({ message, question, from, answers }: LegacyAnswer): void {
    this.#writer.start({ id: message.header.id, flags: FLAG.QR | FLAG.AA });
    this.#writer.question(question);
    for (const record of answers) this.#writer.record(1, { ...record, class: CLASS.IN, ttl: LEGACY_TTL_S });
    this.#socket?.send(this.#writer.finish(), from);
  }

  #say(answers: readonly ResourceRecord[], additionals: readonly ResourceRecord[]): void {
    this.#writer.start({ id: 0, flags: FLAG.QR | FLAG.AA });
    for (const record of answers) this.#writer.record(1, record);
    for (const record of additionals) this.#writer.record(3, record);
    this.#send(this.#writer.finish());
  }

  #send(bytes: Uint8Array): void {
    this.#socket?.send(bytes, { host: GROUP, port: this.#deps.port ?? PORT });
  }
}

interface LegacyAnswer {
  readonly message: Message;
  readonly question: Question;
  readonly from: Address;
  readonly answers: readonly ResourceRecord[];
}

/** Section 7.1: it was told, and not long ago. */
function isKnownBy(message: Message, record: ResourceRecord): boolean {
  return message.answers.some(
    (known) =>
      key(known.name) === key(record.name) &&
      known.ttl * 2 >= record.ttl &&
      JSON.stringify(known.data) === JSON.stringify(record.data),
  );
}
