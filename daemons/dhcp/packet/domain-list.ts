import { fail, succeed, type Result } from "#base/env/errors.ts";

const MAX_LABEL = 63;
const MAX_NAME = 255;
/** Names in one list; more is an attack, not a search list. */
const MAX_NAMES = 64;

/** Names as RFC 1035 §4.1.4 packs them: an ending that was written before is pointed at (RFC 3397 §2). */
export function encodeDomains(names: readonly string[]): Result<Uint8Array> {
  const out: number[] = [];
  const seen = new Map<string, number>();
  for (const name of names) {
    const labels = labelsOf(name);
    if (labels === undefined)
      return fail("bad_option", `"${name}" is not a domain name: labels of 1 to 63 bytes, 255 in all, are expected`);
    let i = 0;
    for (; i < labels.length; i++) {
      const ending = labels.slice(i).join(".").toLowerCase();
      const at = seen.get(ending);
      if (at !== undefined) {
        out.push(0xc0 | (at >>> 8), at & 255);
        break;
      }
      if (out.length < 0x4000) seen.set(ending, out.length);
      const label = Buffer.from(labels[i] ?? "", "utf8");
      out.push(label.length, ...label);
    }
    if (i === labels.length) out.push(0);
  }
  return succeed(Uint8Array.from(out));
}

function labelsOf(name: string): readonly string[] | undefined {
  const labels = name.replace(/\.$/, "").split(".");
  const sizes = labels.map((label) => Buffer.byteLength(label));
  const whole = sizes.reduce((sum, size) => sum + size + 1, 1);
  return sizes.every((size) => size > 0 && size <= MAX_LABEL) && whole <= MAX_NAME ? labels : undefined;
}

/** Undefined where it is cut short, points forward, or loops. Names come without the dot at the end. */
export function decodeDomains(bytes: Uint8Array): readonly string[] | undefined {
  const names: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const read = readName(bytes, at);
    if (read === undefined || names.length === MAX_NAMES) return undefined;
    names.push(read.name);
    at = read.end;
  }
  return names;
}

function readName(bytes: Uint8Array, start: number): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let size = 0;
  let at = start;
  let end: number | undefined;
  // Pointers only ever lead further back, so this ends.
  let lowest = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { name: labels.join("."), end: end ?? at + 1 };
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      const target = ((length & 0x3f) << 8) | (low ?? 0);
      if (low === undefined || target >= lowest) return undefined;
      end ??= at + 2;
      lowest = target;
      at = target;
      continue;
    }
    size += length + 1;
    if (length > MAX_LABEL || at + 1 + length > bytes.length || size > MAX_NAME) return undefined;
    labels.push(Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString("utf8"));
    at += 1 + length;
  }
}
