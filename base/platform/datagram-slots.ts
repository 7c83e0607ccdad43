/** Datagrams that go through the kernel in one call. */
export const BATCH_SIZE = 64;
const BATCH = BATCH_SIZE;
/** Room for `struct sockaddr_in` (16 bytes) and `struct sockaddr_in6` (28). */
export const ADDRESS_BYTES = 32;
/** `struct mmsghdr` and `struct iovec` of 64-bit Linux: recvmmsg(2), recvmsg(2). */
const HEAD_BYTES = 64;
const IOVEC_BYTES = 16;
const NAME_LENGTH_AT = 8;
const FLAGS_AT = 48;
const LENGTH_AT = 56;
const MSG_TRUNC = 0x20;
/** Views of received data that are kept, per slot: questions are short. */
const MAX_KEPT_VIEW = 256;

/** Memory in which the kernel finds a batch of datagrams: heads, addresses, vectors, data. */
export class Slots {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly heads: bigint;
  readonly #addressBytes: number;
  readonly #slotBytes: number;
  #kept: (Uint8Array | undefined)[] = [];

  constructor(slotBytes: number, addressBytes: number, pointerOf: (memory: ArrayBuffer) => bigint) {
    this.#slotBytes = slotBytes;
    this.#addressBytes = addressBytes;
    const memory = new ArrayBuffer(BATCH * (HEAD_BYTES + IOVEC_BYTES + ADDRESS_BYTES + slotBytes));
    this.bytes = new Uint8Array(memory);
    this.words = new Uint32Array(memory);
    this.heads = pointerOf(memory);
    const view = new DataView(memory);
    for (let i = 0; i < BATCH; i++) {
      const [head, iovec] = [i * HEAD_BYTES, BATCH * HEAD_BYTES + i * IOVEC_BYTES];
      // A connected socket's messages have no address.
      view.setBigUint64(head, addressBytes === 0 ? 0n : this.heads + BigInt(this.address(i)), true);
      view.setUint32(head + NAME_LENGTH_AT, addressBytes, true);
      view.setBigUint64(head + 16, this.heads + BigInt(iovec), true);
      view.setBigUint64(head + 24, 1n, true);
      view.setBigUint64(iovec, this.heads + BigInt(this.data(i)), true);
      view.setBigUint64(iovec + 8, BigInt(slotBytes), true);
    }
  }

  address(i: number): number {
    return BATCH * (HEAD_BYTES + IOVEC_BYTES) + i * ADDRESS_BYTES;
  }

  data(i: number): number {
    return BATCH * (HEAD_BYTES + IOVEC_BYTES + ADDRESS_BYTES) + i * this.#slotBytes;
  }

  length(i: number): number {
    return this.words[(i * HEAD_BYTES + LENGTH_AT) >> 2] ?? 0;
  }

  isCut(i: number): boolean {
    return ((this.words[(i * HEAD_BYTES + FLAGS_AT) >> 2] ?? 0) & MSG_TRUNC) !== 0;
  }

  /** A view of the data in slot i; the longest there can be when `length` is not given. */
  view(i: number, length = this.#slotBytes): Uint8Array {
    const from = this.data(i);
    return this.bytes.subarray(from, from + length);
  }

  /** The data that was received in slot i. */
  received(i: number): Uint8Array {
    const length = this.length(i);
    if (length >= MAX_KEPT_VIEW) return this.view(i, length);
    // Only where datagrams are received there is anything to keep.
    if (this.#kept.length === 0) this.#kept = new Array<undefined>(BATCH * MAX_KEPT_VIEW).fill(undefined);
    const at = i * MAX_KEPT_VIEW + length;
    let view = this.#kept[at];
    if (view === undefined) {
      view = this.view(i, length);
      this.#kept[at] = view;
    }
    return view;
  }

  /** The kernel wrote how long the address is; the next one may be as long as any. */
  renew(i: number): void {
    this.words[(i * HEAD_BYTES + NAME_LENGTH_AT) >> 2] = this.#addressBytes;
  }

  setLength(i: number, length: number): void {
    this.words[(BATCH * HEAD_BYTES + i * IOVEC_BYTES + 8) >> 2] = length;
  }
}
