import { MAX_FIELDS } from "./limits.ts";
import { compressLzw, inflateLzw } from "./lzw.ts";
import { MessageType, NO_BYTES } from "./message.ts";
import { KeyTable, MsgpackReader } from "./msgpack-reader.ts";
import { MsgpackWriter } from "./msgpack-writer.ts";

/** Below this compressing cannot win back its own head. */
const WORTH_TRYING_BYTES = 64;
const KNOWN = new KeyTable(["Algo", "Buf"]);
const LZW = 0;

/** The message in a compressed one, if that is shorter. */
export function compressMessage(message: Uint8Array): Uint8Array {
  if (message.length < WORTH_TRYING_BYTES) return message;
  const writer = new MsgpackWriter();
  writer.byte(MessageType.compress);
  writer.map(2);
  writer.text("Algo");
  writer.uint(LZW);
  writer.text("Buf");
  writer.bytesOrNil(compressLzw(message));
  return writer.length < message.length ? writer.take() : message;
}

/** What a compressed message holds, at most `longest` bytes, or the reason why it cannot be had. */
export function inflateMessage(message: Uint8Array, longest: number): Uint8Array | string {
  const reader = new MsgpackReader(message, 1);
  let algorithm = LZW;
  let body: Uint8Array = NO_BYTES;
  const pairs = reader.map(MAX_FIELDS);
  for (let i = 0; i < pairs && reader.failure === undefined; i++) {
    const key = reader.key(KNOWN);
    if (key === "Algo") algorithm = reader.uint(255);
    else if (key === "Buf") body = reader.view(message.length);
    else reader.skip();
  }
  if (reader.failure !== undefined) return reader.failure;
  return algorithm === LZW ? inflateLzw(body, longest) : "unknown compression";
}
