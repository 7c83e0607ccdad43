/**
 * Finds the end of MessagePack values whose bytes come in pieces, without reading any byte twice: a peer that sends one
 * byte at a time costs no more than one that sends all at once.
 */
export class ItemScanner {
  /** Where the next value (or the rest of one) begins; may lie beyond what has come. */
  at: number;
  /** Values still to pass. */
  pending: number;

  constructor(at: number, values: number) {
    this.at = at;
    this.pending = values;
  }

  /** "done" when every value has come whole. */
  scan(bytes: Uint8Array): "done" | "more" | "bad" {
    while (this.pending > 0) {
      if (this.at >= bytes.length) return "more";
      const step = this.#pass(bytes);
      if (step !== "done") return step;
    }
    return this.at <= bytes.length ? "done" : "more";
  }

  #pass(bytes: Uint8Array): "done" | "more" | "bad" {
    const tag = bytes[this.at] ?? 0;
    if (tag < 0x80 || tag >= 0xe0) return this.#take(1, 0);
    if (tag < 0x90) return this.#take(1, 2 * (tag & 0x0f));
    if (tag < 0xa0) return this.#take(1, tag & 0x0f);
    if (tag < 0xc0) return this.#take(1 + (tag & 0x1f), 0);
    const layout = LAYOUTS.get(tag);
    if (layout === undefined) return "bad";
    const { lengthBytes, fixed, items } = layout;
    if (this.at + 1 + lengthBytes > bytes.length) return "more";
    let length = 0;
    for (let i = 1; i <= lengthBytes; i++) length = length * 256 + (bytes[this.at + i] ?? 0);
    return items > 0 ? this.#take(1 + lengthBytes, length * items) : this.#take(1 + lengthBytes + fixed + length, 0);
  }

  #take(size: number, inner: number): "done" {
    this.at += size;
    this.pending += inner - 1;
    return "done";
  }
}

interface Layout {
  /** Bytes that say how long (or how many) it is. */
  readonly lengthBytes: number;
  /** Bytes besides. */
  readonly fixed: number;
  /** Values per counted item: 1 in arrays, 2 in maps, 0 where bytes are counted. */
  readonly items: number;
}

const LAYOUTS: ReadonlyMap<number, Layout> = new Map(
  (
    [
      [[0xc0, 0xc2, 0xc3], 0, 0, 0],
      [[0xcc, 0xd0], 0, 1, 0],
      [[0xcd, 0xd1, 0xd4], 0, 2, 0],
      [[0xd5], 0, 3, 0],
      [[0xca, 0xce, 0xd2], 0, 4, 0],
      [[0xd6], 0, 5, 0],
      [[0xcb, 0xcf, 0xd3], 0, 8, 0],
      [[0xd7], 0, 9, 0],
      [[0xd8], 0, 17, 0],
      [[0xc4, 0xd9], 1, 0, 0],
      [[0xc5, 0xda], 2, 0, 0],
      [[0xc6, 0xdb], 4, 0, 0],
      [[0xc7], 1, 1, 0],
      [[0xc8], 2, 1, 0],
      [[0xc9], 4, 1, 0],
      [[0xdc], 2, 0, 1],
      [[0xdd], 4, 0, 1],
      [[0xde], 2, 0, 2],
      [[0xdf], 4, 0, 2],
    ] as const
  ).flatMap(([tags, lengthBytes, fixed, items]) => tags.map((tag) => [tag, { lengthBytes, fixed, items }] as const)),
);
