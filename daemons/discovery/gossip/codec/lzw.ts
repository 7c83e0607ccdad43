/** LZW as in TIFF and GIF with codes of 9 to 12 bits, least significant bit first, 8-bit literals (Go's `compress/lzw`). */
const CLEAR = 256;
const END = 257;
const FIRST_WIDTH = 9;
const WIDEST = 12;
const LAST_CODE = (1 << WIDEST) - 1;
const SLOTS = 1 << 13;

/** Byte for byte what Go's writer makes of `input`. */
export function compressLzw(input: Uint8Array): Uint8Array {
  const out = new BitWriter(input.length + (input.length >> 1) + 16);
  /** Slots of (prefix code << 8 | byte) + 1 and the code that stands for it; 0 is an empty slot. */
  const keys = new Uint32Array(SLOTS);
  const codes = new Uint16Array(SLOTS);
  let [width, top, overflow] = [FIRST_WIDTH, END, 2 * CLEAR];
  const rise = (): boolean => {
    top += 1;
    if (top === overflow) {
      width += 1;
      overflow *= 2;
    }
    if (top !== LAST_CODE) return true;
    out.write(CLEAR, width);
    [width, top, overflow] = [FIRST_WIDTH, END, 2 * CLEAR];
    keys.fill(0);
    return false;
  };
  out.write(CLEAR, width);
  let code = input[0] ?? -1;
  for (let i = 1; i < input.length; i++) {
    const byte = input[i] ?? 0;
    const key = ((code << 8) | byte) + 1;
    let slot = Math.imul(key, 0x9e37_79b1) >>> 19;
    while (keys[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) & (SLOTS - 1);
    if (keys[slot] === key) {
      code = codes[slot] ?? 0;
      continue;
    }
    out.write(code, width);
    code = byte;
    if (!rise()) continue;
    keys[slot] = key;
    codes[slot] = top;
  }
  if (code >= 0) {
    out.write(code, width);
    rise();
  }
  out.write(END, width);
  return out.finish();
}

/** What it unpacks to, or a reason: `longest` bytes are the most that is ever held. */
export function inflateLzw(input: Uint8Array, longest: number): Uint8Array | string {
  let output = new Uint8Array(Math.min(longest, Math.max(64, input.length * 4)));
  let length = 0;
  const prefix = new Uint16Array(LAST_CODE + 1);
  const suffix = new Uint8Array(LAST_CODE + 1);
  const lengths = new Uint32Array(LAST_CODE + 1);
  let [width, top, overflow, last, held, bits, at] = [FIRST_WIDTH, END, 2 * CLEAR, -1, 0, 0, 0];
  for (;;) {
    while (bits < width) {
      if (at >= input.length) return "compressed data is cut short";
      held |= (input[at++] ?? 0) << bits;
      bits += 8;
    }
    const code = held & ((1 << width) - 1);
    held >>>= width;
    bits -= width;
    if (code === CLEAR) {
      [width, top, overflow, last] = [FIRST_WIDTH, END, 2 * CLEAR, -1];
      continue;
    }
    if (code === END) return output.subarray(0, length);
    const twice = code === top && last >= 0;
    if (code > top || (code === top && !twice)) return "compressed data has an impossible code";
    const expansion = twice ? lengthOf(last, lengths) + 1 : lengthOf(code, lengths);
    if (length + expansion > longest) return "compressed data unpacks to too much";
    if (length + expansion > output.length) output = grown(output, Math.min(longest, (length + expansion) * 2));
    let end = length + expansion - 1;
    let c = twice ? last : code;
    if (twice) end -= 1;
    for (; c >= CLEAR; c = prefix[c] ?? 0) output[end--] = suffix[c] ?? 0;
    output[end] = c;
    if (twice) output[length + expansion - 1] = c;
    length += expansion;
    if (last >= 0) {
      suffix[top] = c;
      prefix[top] = last;
      lengths[top] = lengthOf(last, lengths) + 1;
    }
    last = code;
    top += 1;
    if (top < overflow) continue;
    if (width === WIDEST) {
      last = -1;
      top -= 1;
    } else {
      width += 1;
      overflow *= 2;
    }
  }
}

function lengthOf(code: number, lengths: Uint32Array): number {
  return code < CLEAR ? 1 : (lengths[code] ?? 1);
}

function grown(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(bytes);
  return larger;
}

class BitWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;
  #held = 0;
  #bits = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  write(code: number, width: number): void {
    this.#held |= code << this.#bits;
    this.#bits += width;
    while (this.#bits >= 8) {
      if (this.#at === this.#bytes.length) this.#bytes = grown(this.#bytes, this.#at * 2);
      this.#bytes[this.#at++] = this.#held & 0xff;
      this.#held >>>= 8;
      this.#bits -= 8;
    }
  }

  finish(): Uint8Array {
    if (this.#bits > 0) this.write(0, 8 - this.#bits);
    return this.#bytes.subarray(0, this.#at);
  }
}
