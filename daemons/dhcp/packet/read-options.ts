import { concatBytes } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { OVERLOAD, PAD, END } from "./option-codes.ts";

/** Code → value, whole: parts of a split option are joined in the order RFC 3396 §5 names. */
export type OptionMap = ReadonlyMap<number, Uint8Array>;

export interface OptionFields {
  readonly main: Uint8Array;
  readonly file: Uint8Array;
  readonly sname: Uint8Array;
}

/** All options of a packet, also those in `file` and `sname` where option 52 says so (RFC 2132 §9.3). */
export function readOptions(fields: OptionFields): Result<{ readonly options: OptionMap; readonly overload: number }> {
  const options = new Map<number, Uint8Array>();
  const broken = readField(fields.main, "options", options);
  if (broken !== undefined) return broken;
  const overloadValue = options.get(OVERLOAD);
  const overload = overloadValue?.[0] ?? 0;
  if (overloadValue !== undefined && (overloadValue.length !== 1 || overload < 1 || overload > 3))
    return fail("bad_packet", "option 52 (overload) must be one byte of 1, 2 or 3");
  const more =
    ((overload & 1) === 0 ? undefined : readField(fields.file, "file", options)) ??
    ((overload & 2) === 0 ? undefined : readField(fields.sname, "sname", options));
  return more ?? succeed({ options, overload });
}

/** `at` is the byte within the field; a field that ends without option 255 ends at its end. */
function readField(
  field: Uint8Array,
  name: string,
  into: Map<number, Uint8Array>,
): ReturnType<typeof fail> | undefined {
  let at = 0;
  while (at < field.length) {
    const code = field[at] ?? PAD;
    at += 1;
    if (code === PAD) continue;
    if (code === END) return undefined;
    const length = field[at];
    if (length === undefined || at + 1 + length > field.length)
      return fail("bad_packet", `option ${code} at byte ${at - 1} of ${name} runs past its end`);
    // Overload inside an overloaded field means nothing (RFC 3396 §5).
    if (code !== OVERLOAD || name === "options") join(into, code, field.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return undefined;
}

function join(into: Map<number, Uint8Array>, code: number, part: Uint8Array): void {
  const before = into.get(code);
  into.set(code, before === undefined ? part : concatBytes([before, part]));
}
