import { concatBytes, textOf } from "#base/env/bytes.ts";

/** A piece of what a container printed. `stamp` is the time of the entry it belongs to; only the entry's first piece has it. */
export interface LogPiece {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
  readonly stamp: string | undefined;
}

const HEADER_BYTES = 8;
const STDERR = 2;
const SPACE = 32;
/** `2026-11-21T09:45:00.123456789Z`: always as long, so that stamps compare as text does. */
export const STAMP_BYTES = 30;

/**
 * Takes apart the stream of a container's log with timestamps: per entry a header of eight bytes (stream, three zeros,
 * length as big-endian 32-bit number), the stamp, a space, and the output; any cut of the bytes is fine.
 * https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerLogs
 */
export function createEntryReader(): (chunk: Uint8Array) => readonly LogPiece[] {
  /** Header, stamp and space, as far as they have come. */
  let head: Uint8Array = new Uint8Array(0);
  let left = 0;
  let stream: LogPiece["stream"] = "stdout";
  return (chunk) => {
    const pieces: LogPiece[] = [];
    for (let at = 0; at < chunk.length;) {
      if (left > 0) {
        const data = chunk.subarray(at, at + left);
        pieces.push({ stream, data, stamp: undefined });
        left -= data.length;
        at += data.length;
        continue;
      }
      const part = chunk.subarray(at, at + HEADER_BYTES + STAMP_BYTES + 1 - head.length);
      head = head.length === 0 ? part : concatBytes([head, part]);
      at += part.length;
      if (head.length < HEADER_BYTES + STAMP_BYTES + 1) {
        head = head.slice();
        break;
      }
      stream = head[0] === STDERR ? "stderr" : "stdout";
      const length = new DataView(head.buffer, head.byteOffset).getUint32(4);
      const stamp = textOf(head.subarray(HEADER_BYTES, HEADER_BYTES + STAMP_BYTES));
      if (head[HEADER_BYTES + STAMP_BYTES] !== SPACE) throw new Error(`no time in the engine's log entry: ${stamp}`);
      left = length - STAMP_BYTES - 1;
      pieces.push({ stream, data: new Uint8Array(0), stamp });
      head = new Uint8Array(0);
    }
    return pieces;
  };
}
