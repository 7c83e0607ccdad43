import { badRequest } from "../api-error.ts";

const MAX_PARTS = 20;

/** Parts of a form by name (RFC 7578), as bytes; the last of one name wins. Throws a 400 where it is none. */
export function readForm(given: Uint8Array, contentType: string): ReadonlyMap<string, Uint8Array> {
  const [, quoted, bare] = /boundary=(?:"([^"]{1,70})"|([^;\s]{1,70}))/.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) throw badRequest("the form has no boundary");
  const body = Buffer.from(given.buffer, given.byteOffset, given.length);
  const mark = Buffer.from(`--${boundary}`);
  const parts = new Map<string, Uint8Array>();
  let at = body.indexOf(mark);
  while (at >= 0 && parts.size < MAX_PARTS) {
    const from = at + mark.length;
    const next = body.indexOf(mark, from);
    if (next < 0) break;
    const split = body.indexOf("\r\n\r\n", from);
    if (split >= 0 && split < next) {
      const [, name] = /name="([^"]{1,100})"/.exec(body.toString("latin1", from, split)) ?? [];
      // The line break before a boundary belongs to it.
      if (name !== undefined) parts.set(name, body.subarray(split + 4, Math.max(split + 4, next - 2)));
    }
    at = next;
  }
  return parts;
}
