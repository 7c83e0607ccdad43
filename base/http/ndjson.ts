import { jsonText } from "./render.ts";
import type { Reply } from "./route.ts";

/** A stream of JSON values, one a line. */
export function ndjsonReply(values: AsyncIterable<unknown>): Reply {
  return { kind: "stream", contentType: "application/json", body: lines(values) };
}

async function* lines(values: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const value of values) yield Buffer.from(`${jsonText(value, false)}\n`);
}
