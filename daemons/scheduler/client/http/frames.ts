import { utf8 } from "#base/env/bytes.ts";
import type { LogPiece } from "../logs/log-reader.ts";

/** Objects one after the other, `{}` as a heartbeat: https://developer.hashicorp.com/nomad/api-docs/client#stream-file */
export async function* asFrames(pieces: AsyncIterable<LogPiece>, folder: string): AsyncGenerator<Uint8Array> {
  for await (const { file, offset, data, event } of pieces) {
    if (event !== undefined) yield utf8(JSON.stringify({ Offset: offset, File: `${folder}${file}`, FileEvent: event }));
    else if (data.length === 0) yield utf8("{}");
    else
      yield utf8(
        JSON.stringify({ Offset: offset, Data: Buffer.from(data).toString("base64"), File: `${folder}${file}` }),
      );
  }
}

export async function* asPlain(pieces: AsyncIterable<LogPiece>): AsyncGenerator<Uint8Array> {
  for await (const { data } of pieces) if (data.length > 0) yield data;
}
