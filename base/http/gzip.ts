import { constants, crc32, deflateRawSync, gzipSync } from "node:zlib";

/** Below this the saving is not worth a header. */
export const GZIP_FROM_BYTES = 1024;
/** One turn's work: about a millisecond. */
const SLICE_BYTES = 256 * 1024;
const LEVEL = 1;
/** RFC 1952 section 2.3: magic, deflate, no flags, no time, fastest, unknown system. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff);

/** An empty block of fixed codes that is the last one (RFC 1951 section 3.2.3). */
const LAST_BLOCK = Uint8Array.of(3, 0);

/** Whether the client takes gzip (RFC 9110 section 12.5.3). */
export function acceptsGzip(header: string | undefined): boolean {
  if (header === undefined || header === "") return false;
  let any = false;
  for (const part of header.split(",")) {
    const [coding = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const isRefused = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    if (coding === "gzip" || coding === "x-gzip") return !isRefused;
    if (coding === "*") any = !isRefused;
  }
  return any;
}

/**
 * A small text at once; a large one as a stream, slice by slice, so that others are served in between.
 * The slices are deflate blocks of one gzip member, each ending on a byte (full flush).
 */
export function gzip(data: Uint8Array, nextTurn: () => Promise<void>): Uint8Array | AsyncIterable<Uint8Array> {
  return data.length <= SLICE_BYTES ? gzipSync(data, { level: LEVEL }) : gzipParts(slicesOf(data), nextTurn);
}

function* slicesOf(data: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < data.length; at += SLICE_BYTES) yield data.subarray(at, at + SLICE_BYTES);
}

/** One gzip member of parts that lie apart. */
export async function* gzipParts(
  parts: Iterable<Uint8Array>,
  nextTurn: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  yield HEADER;
  let sum = 0;
  let size = 0;
  for (const part of parts) {
    sum = crc32(part, sum);
    size += part.length;
    yield deflateRawSync(part, { level: LEVEL, finishFlush: constants.Z_FULL_FLUSH });
    await nextTurn();
  }
  yield LAST_BLOCK;
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield trailer;
}
