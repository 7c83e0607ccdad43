import { MAX_DATAGRAM_ANSWER_BYTES, type Address, type DatagramAnswer, type DatagramPeer } from "#base/env/net.ts";
import { ADDRESS_BYTES, BATCH_SIZE, Slots } from "./datagram-slots.ts";
import { ipv6Text } from "#base/protocol/dns/address.ts";

/** The longest one taken; the rest of a longer one is lost, so it is dropped. */
const RECEIVE_BYTES = 2048;
const AF_INET = 2;
/** Times a socket is looked at again before everything else has its turn. */
const MAX_ROUNDS = 32;
/** So many within one turn of the event loop are a crowd, or so many turns that follow at once: it is worth a moment to let more gather. */
const CROWD = 8;
const AT_ONCE_MS = 0.15;
/** So many at a time are a batch that is worth its calls: nobody is waited for. */
const LARGE = 16;
/** Fewer after that moment, and the crowd has gone. */
const FEW = 4;
/** Moments waited within one turn. */
const MAX_RESTS = 12;

/** Those that bring or take datagrams answer how many there were, or something negative. */
export interface BatchCalls {
  receive(heads: bigint): number;
  send(heads: bigint, count: number): number;
  /** Waits for a small part of a millisecond. */
  rest(): void;
}

/** A peer whose address is put into words only when somebody asks. */
class Peer4 implements DatagramPeer {
  readonly port: number;
  readonly ip: number;

  constructor(ip: number, port: number) {
    this.ip = ip;
    this.port = port;
  }

  get host(): string {
    return [this.ip >>> 24, (this.ip >>> 16) & 255, (this.ip >>> 8) & 255, this.ip & 255].join(".");
  }
}

export interface BatchOptions {
  readonly isV6: boolean;
  readonly pointerOf: (memory: ArrayBuffer) => bigint;
  /** The ordinary way. */
  readonly sendOne: (data: Uint8Array, to: Address) => void;
}

/**
 * What waits in a socket, taken in one call and answered in another (recvmmsg(2), sendmmsg(2)): under load most of a
 * datagram's cost is the way through the kernel and the event loop, which a batch pays once.
 */
export class DatagramBatch {
  readonly #calls: BatchCalls;
  readonly #answer: DatagramAnswer;
  readonly #isV6: boolean;
  readonly #in: Slots;
  readonly #out: Slots;
  readonly #outViews: readonly Uint8Array[];
  readonly #sendOne: BatchOptions["sendOne"];
  #queued = 0;
  /** Turns that followed each other at once, and when the last one ended. */
  #turns = 0;
  #endedMs = 0;
  #isRunning = false;
  #isPlanned = false;
  #isClosed = false;

  constructor(calls: BatchCalls, answer: DatagramAnswer, { isV6, pointerOf, sendOne }: BatchOptions) {
    this.#calls = calls;
    this.#answer = answer;
    this.#isV6 = isV6;
    this.#sendOne = sendOne;
    const addressBytes = isV6 ? 28 : 16;
    this.#in = new Slots(RECEIVE_BYTES, addressBytes, pointerOf);
    this.#out = new Slots(MAX_DATAGRAM_ANSWER_BYTES, addressBytes, pointerOf);
    this.#outViews = Array.from({ length: BATCH_SIZE }, (_, i) => this.#out.view(i));
  }

  /**
   * Answers `first`, whom the event loop brought, then everybody else who waits, and those who came while these were answered:
   * what comes by the event loop costs several times as much. Of a crowd the next are let gather first, as network cards do with
   * their interrupts: one by one each would cost a waking up.
   */
  run(first: Uint8Array, from: { readonly address: string; readonly port: number }): void {
    this.#isRunning = true;
    try {
      this.#turns = performance.now() - this.#endedMs < AT_ONCE_MS ? this.#turns + 1 : 0;
      this.#takeFirst(first, from);
      let served = 1;
      let rests = 0;
      for (let rounds = 0; rounds < MAX_ROUNDS; rounds++) {
        // Negative where nothing waits.
        const count = Math.max(0, this.#receive());
        if (count < BATCH_SIZE) this.#flush();
        served += count;
        const isCrowd = served >= CROWD || this.#turns >= CROWD;
        if ((rests > 0 && count < FEW) || (count === 0 && !isCrowd)) break;
        if (!isCrowd || count >= LARGE) continue;
        if (rests === MAX_RESTS) break;
        this.#calls.rest();
        rests += 1;
      }
      if (rests > 0 && served < CROWD) this.#turns = 0;
      this.#endedMs = performance.now();
    } finally {
      this.#isRunning = false;
      this.#flush();
    }
  }

  #takeFirst(first: Uint8Array, { address, port }: { readonly address: string; readonly port: number }): void {
    const ip = this.#isV6 ? undefined : ipv4Number(address);
    const out = this.#outViews[this.#queued];
    if (out === undefined) return;
    const peer = ip === undefined ? { host: address, port } : new Peer4(ip, port);
    const length = this.#answer(first, peer, out);
    if (length === 0) return;
    // A link-local address has an interface's name behind it, which only the ordinary way knows to resolve.
    if (ip === undefined) return this.#sendOne(out.slice(0, length), peer);
    this.#address(ip, port);
    this.#queue(length);
  }

  /**
   * Sends what took longer than its turn, together with what others of this turn of the event loop send. False when it has
   * to go the ordinary way.
   */
  later(data: Uint8Array, to: Address): boolean {
    const out = this.#outViews[this.#queued];
    if (!(to instanceof Peer4) || out === undefined || data.length > out.length || this.#isClosed) return false;
    out.set(data);
    this.#address(to.ip, to.port);
    this.#queue(data.length);
    if (!this.#isRunning && !this.#isPlanned) {
      this.#isPlanned = true;
      setImmediate(() => {
        this.#isPlanned = false;
        this.#flush();
      });
    }
    return true;
  }

  /** Its descriptor is no longer its own. */
  close(): void {
    this.#isClosed = true;
    this.#queued = 0;
  }

  #address(ip: number, port: number): void {
    const { bytes } = this.#out;
    const at = this.#out.address(this.#queued);
    bytes[at] = AF_INET;
    bytes[at + 1] = 0;
    bytes[at + 2] = port >> 8;
    bytes[at + 3] = port & 255;
    bytes[at + 4] = ip >>> 24;
    bytes[at + 5] = (ip >>> 16) & 255;
    bytes[at + 6] = (ip >>> 8) & 255;
    bytes[at + 7] = ip & 255;
  }

  #receive(): number {
    const slots = this.#in;
    const { bytes } = slots;
    const count = this.#calls.receive(slots.heads);
    for (let i = 0; i < count; i++) {
      slots.renew(i);
      if (slots.isCut(i)) continue;
      const at = slots.address(i);
      const port = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
      const out = this.#outViews[this.#queued];
      if (out === undefined) continue;
      const length = this.#answer(slots.received(i), this.#isV6 ? this.#peer6(at, port) : peer4(bytes, at, port), out);
      if (length === 0) continue;
      const from = at >> 2;
      const to = this.#out.address(this.#queued) >> 2;
      for (let word = 0; word < ADDRESS_BYTES / 4; word++) this.#out.words[to + word] = slots.words[from + word] ?? 0;
      this.#queue(length);
    }
    return count;
  }

  #peer6(at: number, port: number): DatagramPeer {
    const host = ipv6Text(this.#in.bytes, at + 8);
    const scope = this.#in.words[(at + 24) >> 2] ?? 0;
    return { host: scope === 0 ? host : `${host}%${scope}`, port };
  }

  #queue(length: number): void {
    this.#out.setLength(this.#queued, length);
    this.#queued += 1;
    if (this.#queued === BATCH_SIZE) this.#flush();
  }

  /** What the kernel does not take is lost, as datagrams may be. */
  #flush(): void {
    if (this.#queued === 0 || this.#isClosed) return;
    this.#calls.send(this.#out.heads, this.#queued);
    this.#queued = 0;
  }
}

function peer4(bytes: Uint8Array, at: number, port: number): Peer4 {
  const ip =
    ((bytes[at + 4] ?? 0) << 24) | ((bytes[at + 5] ?? 0) << 16) | ((bytes[at + 6] ?? 0) << 8) | (bytes[at + 7] ?? 0);
  return new Peer4(ip, port);
}

/** `10.0.0.1` as 32 bits; undefined for anything else. */
export function ipv4Number(host: string): number | undefined {
  const parts = host.split(".");
  if (parts.length !== 4) return undefined;
  let ip = 0;
  for (const part of parts) ip = (ip << 8) | Number(part);
  return ip;
}
