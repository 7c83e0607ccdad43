import { constants, crc32, deflateRawSync, gzipSync } from "node:zlib";

/** Below this the saving is not worth a header. */
export const GZIP_FROM_BYTES = 1024;
/** One turn's work: about a millisecond. */
const SLICE_BYTES = 256 * 1024;
const LEVEL = 1;
/** RFC 1952 section 2.3: magic, deflate, no flags, no time, fastest, unknown system. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff);

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
  return data.length <= SLICE_BYTES ? gzipSync(data, { level: LEVEL }) : gzipSlices(data, nextTurn);
}

async function* gzipSlices(data: Uint8Array, nextTurn: () => Promise<void>): AsyncGenerator<Uint8Array> {
  yield HEADER;
  let sum = 0;
  for (let at = 0; at < data.length; at += SLICE_BYTES) {
    const slice = data.subarray(at, at + SLICE_BYTES);
    sum = crc32(slice, sum);
    const isLast = at + SLICE_BYTES >= data.length;
    const finishFlush = isLast ? constants.Z_FINISH : constants.Z_FULL_FLUSH;
    yield deflateRawSync(slice, { level: LEVEL, finishFlush });
    await nextTurn();
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum, 0);
  trailer.writeUInt32LE(data.length % 2 ** 32, 4);
  yield trailer;
}
