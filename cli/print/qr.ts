/** ISO/IEC 18004, tables 7 and 9, error correction level L, versions 1 to 40. */
const CORRECTION_BYTES = [
  7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30,
  30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
] as const;
const BLOCKS = [
  1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19,
  20, 21, 22, 24, 25,
] as const;
const LEVEL_L = 1;

/** Dark modules, row by row. */
export type QrMatrix = readonly (readonly boolean[])[];

/** Text as a QR code in byte mode, of the smallest version it fits; undefined: it fits none. `mask` 0 to 7; default: the best. */
export function qrCode(text: string, mask?: number): QrMatrix | undefined {
  const data = Buffer.from(text, "utf8");
  const version = BLOCKS.findIndex((_, at) => 4 + lengthBits(at + 1) + data.length * 8 <= dataBytes(at + 1) * 8) + 1;
  if (version === 0) return undefined;
  const bits = interleaved(version, padded(version, data));
  const drawn = (chosen: number): boolean[][] => draw(version, bits, chosen);
  if (mask !== undefined) return drawn(mask);
  const all = [0, 1, 2, 3, 4, 5, 6, 7].map(drawn);
  return all.toSorted((a, b) => penalty(a) - penalty(b))[0];
}

/** Two rows of modules to a line of text, with the quiet zone; dark on light, whatever the terminal's colours. */
export function qrLines(matrix: QrMatrix): readonly string[] {
  const quiet = 2;
  const size = matrix.length;
  const dark = (row: number, column: number): boolean => matrix[row - quiet]?.[column - quiet] ?? false;
  const lines: string[] = [];
  for (let row = 0; row < size + 2 * quiet; row += 2) {
    let line = "";
    for (let column = 0; column < size + 2 * quiet; column++) {
      const [upper, lower] = [dark(row, column), dark(row + 1, column)];
      line += upper ? (lower ? "█" : "▀") : lower ? "▄" : " ";
    }
    lines.push(`\u001B[30;107m${line}\u001B[0m`);
  }
  return lines;
}

function lengthBits(version: number): number {
  return version < 10 ? 8 : 16;
}

function sizeOf(version: number): number {
  return version * 4 + 17;
}

/** Bytes that fit into what the patterns leave free. */
function rawBytes(version: number): number {
  const aligned = version === 1 ? 0 : Math.floor(version / 7) + 2;
  const patterns = version === 1 ? 0 : 25 * aligned * aligned - 10 * aligned - 55;
  const modules = (16 * version + 128) * version + 64 - patterns - (version >= 7 ? 36 : 0);
  return Math.floor(modules / 8);
}

function dataBytes(version: number): number {
  return rawBytes(version) - (CORRECTION_BYTES[version - 1] ?? 0) * (BLOCKS[version - 1] ?? 0);
}

/** Mode, length, data, terminator, and the two pad bytes by turns (7.4.9, 7.4.10). */
function padded(version: number, data: Uint8Array): Uint8Array {
  const bits = [
    ...toBits(0b0100, 4),
    ...toBits(data.length, lengthBits(version)),
    ...[...data].flatMap((byte) => toBits(byte, 8)),
  ];
  const capacity = dataBytes(version) * 8;
  for (let end = Math.min(4, capacity - bits.length); end > 0; end--) bits.push(0);
  while (bits.length % 8 !== 0) bits.push(0);
  const bytes = new Uint8Array(dataBytes(version));
  for (const [at, bit] of bits.entries()) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (bit << (7 - (at & 7)));
  for (let at = bits.length / 8, pad = 0xec; at < bytes.length; at++, pad ^= 0xec ^ 0x11) bytes[at] = pad;
  return bytes;
}

function toBits(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => (value >> (count - 1 - at)) & 1);
}

/** Blocks with their correction bytes, byte by byte by turns (7.6). */
function interleaved(version: number, data: Uint8Array): readonly number[] {
  const count = BLOCKS[version - 1] ?? 1;
  const correction = CORRECTION_BYTES[version - 1] ?? 0;
  const short = Math.floor(data.length / count);
  const longFrom = count - (data.length % count);
  const divisor = generator(correction);
  const blocks: { readonly data: Uint8Array; readonly correction: Uint8Array }[] = [];
  for (let at = 0, from = 0; at < count; at++) {
    const part = data.subarray(from, from + short + (at >= longFrom ? 1 : 0));
    from += part.length;
    blocks.push({ data: part, correction: remainder(part, divisor) });
  }
  const bytes: number[] = [];
  for (let at = 0; at <= short; at++)
    for (const block of blocks) if (at < block.data.length) bytes.push(block.data[at] ?? 0);
  for (let at = 0; at < correction; at++) for (const block of blocks) bytes.push(block.correction[at] ?? 0);
  return bytes.flatMap((byte) => toBits(byte, 8));
}

/** In GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function multiply(x: number, y: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((y >> bit) & 1) * x;
  }
  return product;
}

/** The product of (x - 2^i), highest power left out. */
function generator(degree: number): Uint8Array {
  const result = new Uint8Array(degree);
  result[degree - 1] = 1;
  let root = 1;
  for (let i = 0; i < degree; i++) {
    for (let j = 0; j < degree; j++) result[j] = multiply(result[j] ?? 0, root) ^ (result[j + 1] ?? 0);
    root = multiply(root, 2);
  }
  return result;
}

function remainder(data: Uint8Array, divisor: Uint8Array): Uint8Array {
  const result = new Uint8Array(divisor.length);
  for (const byte of data) {
    const factor = byte ^ (result[0] ?? 0);
    result.copyWithin(0, 1);
    result[result.length - 1] = 0;
    for (const [at, coefficient] of divisor.entries()) result[at] = (result[at] ?? 0) ^ multiply(coefficient, factor);
  }
  return result;
}

const MASKS: readonly ((row: number, column: number) => boolean)[] = [
  (y, x) => (y + x) % 2 === 0,
  (y) => y % 2 === 0,
  (_, x) => x % 3 === 0,
  (y, x) => (y + x) % 3 === 0,
  (y, x) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0,
  (y, x) => ((y * x) % 2) + ((y * x) % 3) === 0,
  (y, x) => (((y * x) % 2) + ((y * x) % 3)) % 2 === 0,
  (y, x) => (((y + x) % 2) + ((y * x) % 3)) % 2 === 0,
];

function draw(version: number, bits: readonly number[], mask: number): boolean[][] {
  const size = sizeOf(version);
  const modules: (boolean | undefined)[][] = Array.from({ length: size }, () =>
    Array.from({ length: size }, () => undefined),
  );
  const set = (row: number, column: number, dark: boolean): void => {
    const line = modules[row];
    if (line !== undefined && column >= 0 && column < size) line[column] = dark;
  };
  drawPatterns(version, set);
  drawFormat(size, mask, set);
  let next = 0;
  const inverted = MASKS[mask] ?? (() => false);
  for (const column of columnPairs(size)) {
    for (let step = 0; step < size; step++) {
      const upwards = ((column + 1) & 2) === 0;
      const row = upwards ? size - 1 - step : step;
      for (const x of [column, column - 1]) {
        if (modules[row]?.[x] !== undefined) continue;
        set(row, x, ((bits[next++] ?? 0) === 1) !== inverted(row, x));
      }
    }
  }
  return modules.map((line) => line.map((each) => each ?? false));
}

/** The right column of each pair, from the right; column 6 is the timing pattern, which shifts those left of it by one. */
function columnPairs(size: number): readonly number[] {
  return Array.from({ length: (size - 1) / 2 }, (_, at) => size - 1 - 2 * at).map((right) =>
    right <= 6 ? right - 1 : right,
  );
}

type SetModule = (row: number, column: number, dark: boolean) => void;

function drawPatterns(version: number, set: SetModule): void {
  const size = sizeOf(version);
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [row, column] of [
    [3, 3],
    [3, size - 4],
    [size - 4, 3],
  ] as const)
    for (let dy = -4; dy <= 4; dy++)
      for (let dx = -4; dx <= 4; dx++) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        set(row + dy, column + dx, ring !== 2 && ring !== 4);
      }
  const centres = alignment(version);
  const last = centres.length - 1;
  for (const [i, row] of centres.entries())
    for (const [j, column] of centres.entries()) {
      if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) continue;
      for (let dy = -2; dy <= 2; dy++)
        for (let dx = -2; dx <= 2; dx++) set(row + dy, column + dx, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
    }
  if (version >= 7) drawVersion(version, set);
}

function alignment(version: number): readonly number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.floor((version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2;
  const rest = Array.from({ length: count - 1 }, (_, at) => sizeOf(version) - 7 - at * step);
  return [6, ...rest.toReversed()];
}

/** Mask and level with their BCH code (7.9), twice. */
function drawFormat(size: number, mask: number, set: SetModule): void {
  const data = (LEVEL_L << 3) | mask;
  let code = data;
  for (let i = 0; i < 10; i++) code = (code << 1) ^ ((code >> 9) * 0x537);
  const bits = ((data << 10) | code) ^ 0x5412;
  const bit = (at: number): boolean => ((bits >> at) & 1) === 1;
  for (let i = 0; i <= 5; i++) set(i, 8, bit(i));
  set(7, 8, bit(6));
  set(8, 8, bit(7));
  set(8, 7, bit(8));
  for (let i = 9; i < 15; i++) set(8, 14 - i, bit(i));
  for (let i = 0; i < 8; i++) set(8, size - 1 - i, bit(i));
  for (let i = 8; i < 15; i++) set(size - 15 + i, 8, bit(i));
  set(size - 8, 8, true);
}

/** The version with its BCH code (7.10), twice. */
function drawVersion(version: number, set: SetModule): void {
  let code = version;
  for (let i = 0; i < 12; i++) code = (code << 1) ^ ((code >> 11) * 0x1f25);
  const bits = (version << 12) | code;
  for (let i = 0; i < 18; i++) {
    const dark = ((bits >> i) & 1) === 1;
    const [far, near] = [sizeOf(version) - 11 + (i % 3), Math.floor(i / 3)];
    set(far, near, dark);
    set(near, far, dark);
  }
}

/** How hard a code is to read (7.8.3.1). */
function penalty(modules: readonly (readonly boolean[])[]): number {
  const size = modules.length;
  const columns = modules.map((_, x) => modules.map((row) => row[x] ?? false));
  let points = 0;
  for (const line of [...modules, ...columns]) {
    const text = line.map((dark) => (dark ? "1" : "0")).join("");
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) points += run.length - 2;
    for (const finder of ["10111010000", "00001011101"])
      for (let at = text.indexOf(finder); at >= 0; at = text.indexOf(finder, at + 1)) points += 40;
  }
  for (let y = 0; y + 1 < size; y++)
    for (let x = 0; x + 1 < size; x++) {
      const four = [modules[y]?.[x], modules[y]?.[x + 1], modules[y + 1]?.[x], modules[y + 1]?.[x + 1]];
      if (four.every((each) => each === four[0])) points += 3;
    }
  const dark = modules.flat().filter(Boolean).length;
  return points + Math.floor(Math.abs(dark * 20 - size * size * 10) / (size * size)) * 10;
}
