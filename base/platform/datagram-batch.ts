import type { Address } from "#base/env/net.ts";

/** Datagrams that go through the kernel in one call. */
export const BATCH_SIZE = 64;
const BATCH = BATCH_SIZE;
/** The longest one taken; the rest of a longer one is lost, so it is dropped. */
const RECEIVE_BYTES = 2048;
/** The longest one sent in a batch. */
const SEND_BYTES = 4096;
const SOCKADDR_BYTES = 16;
/** `struct mmsghdr` and `struct iovec` of 64-bit Linux: recvmmsg(2), recvmsg(2). */
const HEAD_BYTES = 64;
const IOVEC_BYTES = 16;
const NAME_LENGTH_AT = 8;
const FLAGS_AT = 48;
const LENGTH_AT = 56;
const MSG_TRUNC = 0x20;

/** Both answer how many there were, or something negative. */
export interface BatchCalls {
  receive(heads: bigint): number;
  send(heads: bigint, count: number): number;
}

/** A peer whose address is put into words only when somebody asks. */
export class Peer implements Address {
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

/** Memory in which the kernel finds a batch of IPv4 datagrams: heads, addresses, vectors, data. */
class Slots {
  readonly memory: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly heads: bigint;
  readonly #slotBytes: number;

  constructor(slotBytes: number, pointerOf: (memory: ArrayBuffer) => bigint) {
    this.#slotBytes = slotBytes;
    this.memory = new ArrayBuffer(BATCH * (HEAD_BYTES + IOVEC_BYTES + SOCKADDR_BYTES + slotBytes));
    this.bytes = new Uint8Array(this.memory);
    this.view = new DataView(this.memory);
    this.heads = pointerOf(this.memory);
    for (let i = 0; i < BATCH; i++) {
      const [head, iovec] = [this.head(i), BATCH * HEAD_BYTES + i * IOVEC_BYTES];
      this.view.setBigUint64(head, this.heads + BigInt(this.address(i)), true);
      this.view.setUint32(head + NAME_LENGTH_AT, SOCKADDR_BYTES, true);
      this.view.setBigUint64(head + 16, this.heads + BigInt(iovec), true);
      this.view.setBigUint64(head + 24, 1n, true);
      this.view.setBigUint64(iovec, this.heads + BigInt(this.data(i)), true);
      this.view.setBigUint64(iovec + 8, BigInt(slotBytes), true);
    }
  }

  head(i: number): number {
    return i * HEAD_BYTES;
  }

  address(i: number): number {
    return BATCH * (HEAD_BYTES + IOVEC_BYTES) + i * SOCKADDR_BYTES;
  }

  data(i: number): number {
    return BATCH * (HEAD_BYTES + IOVEC_BYTES + SOCKADDR_BYTES) + i * this.#slotBytes;
  }

  setLength(i: number, length: number): void {
    this.view.setBigUint64(BATCH * HEAD_BYTES + i * IOVEC_BYTES + 8, BigInt(length), true);
  }
}

/**
 * What waits in a socket, taken in one call and answered in another (recvmmsg(2), sendmmsg(2)): under load most of a
 * datagram's cost is the way through the kernel and the event loop, which a batch pays once.
 */
export class DatagramBatch {
  readonly #calls: BatchCalls;
  readonly #in: Slots;
  readonly #out: Slots;
  #queued = 0;
  #isOpen = false;

  constructor(calls: BatchCalls, pointerOf: (memory: ArrayBuffer) => bigint) {
    this.#calls = calls;
    this.#in = new Slots(RECEIVE_BYTES, pointerOf);
    this.#out = new Slots(SEND_BYTES, pointerOf);
  }

  /** Calls `first`, then `take` for everything else that waits, and sends what they answered. */
  run(first: () => void, take: (data: Uint8Array, from: Peer) => void): void {
    this.#isOpen = true;
    try {
      first();
      while (this.#receive(take) === BATCH);
    } finally {
      this.#isOpen = false;
      this.#flush();
    }
  }

  /** False when it has to go the ordinary way: no batch is under way, or it is too long. */
  queue(data: Uint8Array, to: Peer): boolean {
    if (!this.#isOpen || data.length > SEND_BYTES) return false;
    const slots = this.#out;
    const i = this.#queued++;
    slots.bytes.set(data, slots.data(i));
    slots.setLength(i, data.length);
    const at = slots.address(i);
    // AF_INET, as the host counts; port and address as the network does.
    slots.view.setUint16(at, 2, true);
    slots.view.setUint16(at + 2, to.port);
    slots.view.setUint32(at + 4, to.ip);
    if (this.#queued === BATCH) this.#flush();
    return true;
  }

  #receive(take: (data: Uint8Array, from: Peer) => void): number {
    const slots = this.#in;
    const count = this.#calls.receive(slots.heads);
    for (let i = 0; i < count; i++) {
      const head = slots.head(i);
      const length = slots.view.getUint32(head + LENGTH_AT, true);
      const isCut = (slots.view.getUint32(head + FLAGS_AT, true) & MSG_TRUNC) !== 0;
      slots.view.setUint32(head + NAME_LENGTH_AT, SOCKADDR_BYTES, true);
      if (isCut) continue;
      const at = slots.address(i);
      const from = new Peer(slots.view.getUint32(at + 4), slots.view.getUint16(at + 2));
      take(new Uint8Array(slots.memory, slots.data(i), length), from);
    }
    return count;
  }

  /** What the kernel does not take is lost, as datagrams may be. */
  #flush(): void {
    if (this.#queued === 0) return;
    this.#calls.send(this.#out.heads, this.#queued);
    this.#queued = 0;
  }
}

/** `10.0.0.1` as a number; undefined for anything else. */
export function ipv4Number(host: string): number | undefined {
  const parts = host.split(".");
  if (parts.length !== 4) return undefined;
  let ip = 0;
  for (const part of parts) ip = ip * 256 + Number(part);
  return Number.isInteger(ip) ? ip : undefined;
}
