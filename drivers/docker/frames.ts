import { concatBytes } from "#base/env/bytes.ts";

export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

const HEADER_BYTES = 8;
const STDERR = 2;

/**
 * Takes apart the stream of a container without a terminal: a header of eight bytes (stream, three zeros, length as
 * big-endian 32-bit number), then as many bytes of output; any cut of the bytes is fine, and output is handed on as it comes.
 * https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
export function createFrameReader(): (chunk: Uint8Array) => readonly Frame[] {
  let header: Uint8Array = new Uint8Array(0);
  let left = 0;
  let stream: Frame["stream"] = "stdout";
  return (chunk) => {
    const frames: Frame[] = [];
    for (let at = 0; at < chunk.length;) {
      if (left > 0) {
        const data = chunk.subarray(at, at + left);
        frames.push({ stream, data });
        left -= data.length;
        at += data.length;
        continue;
      }
      const missing = HEADER_BYTES - header.length;
      const part = chunk.subarray(at, at + missing);
      header = concatBytes([header, part]);
      at += part.length;
      if (header.length < HEADER_BYTES) break;
      stream = header[0] === STDERR ? "stderr" : "stdout";
      left = new DataView(header.buffer, header.byteOffset).getUint32(4);
      header = new Uint8Array(0);
    }
    return frames;
  };
}
