import { parseJson } from "./engine.ts";

/** A line longer than this is no message of the engine's. */
const MAX_LINE = 1024 * 1024;

/** The values of a stream of JSON objects, one a line, however the bytes are cut. Lines that are no JSON are left out. */
export async function* jsonLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) rest = "";
    for (const line of lines) {
      const value = parseJson(line);
      if (value !== undefined) yield value;
    }
  }
  const last = parseJson(rest);
  if (last !== undefined) yield last;
}
