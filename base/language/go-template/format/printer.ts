import { decodeText } from "../text.ts";
import { isMap, isSlice, typeOf } from "../type-of.ts";
import type { GoType } from "../type.ts";
import { GoComplex, GoFloat32, GoFunction, GoInteger, GoNil, GoObject, type GoKey, type GoValue } from "../value.ts";
import { noFlags, pad, truncate, type Flags } from "./flags.ts";
import { formatFloatVerb } from "./float.ts";
import { characterOf, formatInteger, formatUnicode } from "./integer.ts";
import { sortedEntries } from "./map-order.ts";
import { quoteRune } from "./quote.ts";
import { formatHex, formatQuoted, formatString } from "./string.ts";

/** How one value is printed: verb, flags, and where it stands. */
export interface How {
  readonly verb: string;
  readonly flags: Flags;
  /** 0 for the argument itself. */
  readonly depth: number;
  /** Inside the complaint about a verb: methods are not asked. */
  readonly erroring: boolean;
}

/** Values nested deeper are cut off: data that contains itself must not exhaust the stack. */
const MAX_DEPTH = 200;

export const plainly: How = { verb: "v", flags: noFlags, depth: 0, erroring: false };

/** One argument under a verb, as fmt prints it. */
export function formatValue(value: GoValue, how: How): string {
  if (value === null) return formatNil(how);
  if (how.depth === 0) {
    if (how.verb === "T") return pad(truncate(typeOf(value).name, how.flags), how.flags);
    if (how.verb === "p") return formatPointer(typeOf(value), how);
  }
  return formatTyped(value, typeOf(value), how);
}

/** `%!verb(type=value)`. */
export function badVerb(value: GoValue, how: How): string {
  const shown = formatValue(value, { ...how, verb: "v", depth: 0, erroring: true });
  return value === null ? `%!${how.verb}(<nil>)` : `%!${how.verb}(${typeOf(value).name}=${shown})`;
}

function formatNil(how: How): string {
  if (how.depth > 0) return how.flags.sharpV ? "interface {}(nil)" : "<nil>";
  if (how.verb === "T" || how.verb === "v") return pad("<nil>", how.flags);
  return `%!${how.verb}(<nil>)`;
}

/** `type` may be a name that was given to the value's own type. */
function formatTyped(value: Exclude<GoValue, null>, type: GoType, how: How): string {
  if (value instanceof GoObject) return formatObject(value, how);
  const text = formatPlain(value, type, how);
  return (
    text ?? `%!${how.verb}(${type.name}=${formatPlain(value, type, { ...how, verb: "v", depth: 0, erroring: true })})`
  );
}

/** `undefined`: the verb is not one of the value's kind. */
function formatPlain(value: Exclude<GoValue, null>, type: GoType, how: How): string | undefined {
  switch (typeof value) {
    case "string":
      return formatString(value, how.verb, how.flags);
    case "bigint":
      return formatIntegerVerb(value, false, how);
    case "number":
      return formatFloatOf(value, false, how);
    case "boolean":
      return how.verb === "t" || how.verb === "v" ? pad(String(value), how.flags) : undefined;
    default:
      return formatCompound(value, type, how);
  }
}

function formatCompound(
  value: Exclude<GoValue, null | string | bigint | number | boolean>,
  type: GoType,
  how: How,
): string | undefined {
  if (how.depth > MAX_DEPTH) return "...";
  if (isSlice(value)) return formatSlice(value, type, how);
  if (isMap(value)) return formatMap(value, type, how);
  if (value instanceof GoInteger) return formatIntegerVerb(value.value, value.type.kind.startsWith("uint"), how);
  if (value instanceof GoFloat32) return formatFloatOf(value.value, true, how);
  if (value instanceof GoComplex) return formatComplex(value, how);
  if (value instanceof Uint8Array) return formatBytes(value, type, how);
  if (value instanceof GoNil) return how.flags.sharpV ? `(${type.name})(nil)` : formatNilPointer(how);
  return value instanceof GoFunction ? formatPointer(type, how) : undefined;
}

function formatNilPointer(how: How): string | undefined {
  return how.verb === "v" ? pad("<nil>", how.flags) : formatIntegerVerb(0n, true, how);
}

function formatObject(value: GoObject, how: How): string {
  const text = how.erroring || how.flags.sharpV || !/^[vsxXq]$/.test(how.verb) ? undefined : value.text();
  if (text !== undefined) return formatString(text, how.verb, how.flags) ?? "";
  const inner = value.underlying();
  if (inner !== undefined && inner !== null) return formatTyped(inner, value.type, how);
  if (value.type.kind === "pointer" && how.depth > 0) {
    return /^[vpbodxX]$/.test(how.verb) ? formatPointer(value.type, how) : badVerb(value, how);
  }
  return formatStruct(value, how);
}

function formatStruct(value: GoObject, how: How): string {
  if (how.depth > MAX_DEPTH) return "...";
  const { sharpV, plusV } = how.flags;
  const pointer = value.type.kind === "pointer";
  const next = { ...how, depth: how.depth + (pointer ? 2 : 1) };
  const fields: string[] = [];
  for (const [name, field] of value.fields()) {
    fields.push(`${sharpV || plusV ? `${name}:` : ""}${formatValue(field, next)}`);
  }
  const name = sharpV ? value.type.name.replace(/^\*/, "") : "";
  return `${pointer ? "&" : ""}${name}{${fields.join(sharpV ? ", " : " ")}}`;
}

function formatSlice(value: readonly GoValue[], type: GoType, how: How): string {
  const next = { ...how, depth: how.depth + 1 };
  const items = Array.from(value, (item) => formatValue(item, next));
  return how.flags.sharpV ? `${type.name}{${items.join(", ")}}` : `[${items.join(" ")}]`;
}

function formatMap(value: ReadonlyMap<GoKey, GoValue>, type: GoType, how: How): string {
  const next = { ...how, depth: how.depth + 1 };
  const entries = sortedEntries(value).map(([key, item]) => {
    const shown =
      typeof key === "bigint" && type.key !== undefined && type.key.kind !== "int" ? new GoInteger(type.key, key) : key;
    return `${formatValue(shown, next)}:${formatValue(item, next)}`;
  });
  return how.flags.sharpV ? `${type.name}{${entries.join(", ")}}` : `map[${entries.join(" ")}]`;
}

function formatBytes(value: Uint8Array, type: GoType, how: How): string | undefined {
  const { flags, verb } = how;
  switch (verb) {
    case "v":
    case "d":
      if (flags.sharpV) {
        const shown = Array.from(value, (byte) => formatInteger(BigInt(byte), "x", { ...flags, sharp: true }));
        return `[]byte{${shown.join(", ")}}`;
      }
      return `[${Array.from(value, (byte) => formatInteger(BigInt(byte), "d", flags)).join(" ")}]`;
    case "s":
      return formatString(decodeText(value), "s", flags);
    case "x":
    case "X":
      return formatHex(value, verb, flags);
    case "q":
      return formatQuoted(decodeText(value), flags);
    default:
      return `[${Array.from(value, (byte) => formatIntegerVerb(BigInt(byte), true, how) ?? badByte(byte, type, how)).join(" ")}]`;
  }
}

function badByte(byte: number, type: GoType, how: How): string {
  return badVerb(new GoInteger(type.elem ?? type, BigInt(byte)), how);
}

function formatIntegerVerb(value: bigint, unsigned: boolean, how: How): string | undefined {
  const { flags, verb } = how;
  switch (verb) {
    case "v":
      if (flags.sharpV && unsigned) return formatInteger(value, "x", { ...flags, sharp: true });
      return formatInteger(value, "d", flags);
    case "d":
    case "b":
    case "o":
    case "O":
    case "x":
    case "X":
      return formatInteger(value, verb, flags);
    case "c":
      return pad(characterOf(value), flags);
    case "q":
      return pad(quoteRune(characterOf(value), flags.plus), flags);
    case "U":
      return formatUnicode(value, flags);
    default:
      return undefined;
  }
}

function formatFloatOf(value: number, single: boolean, how: How): string | undefined {
  switch (how.verb) {
    case "v":
      return formatFloatVerb(value, how.flags, { verb: "g", precision: -1, single });
    case "b":
    case "g":
    case "G":
    case "x":
    case "X":
      return formatFloatVerb(value, how.flags, { verb: how.verb, precision: -1, single });
    case "f":
    case "e":
    case "E":
    case "F":
      return formatFloatVerb(value, how.flags, { verb: how.verb === "F" ? "f" : how.verb, precision: 6, single });
    default:
      return undefined;
  }
}

function formatComplex(value: GoComplex, how: How): string | undefined {
  const real = formatFloatOf(value.real, false, how);
  const imaginary = formatFloatOf(value.imaginary, false, { ...how, flags: { ...how.flags, plus: true } });
  return real === undefined || imaginary === undefined ? undefined : `(${real}${imaginary}i)`;
}

/** Addresses say nothing here; a constant keeps output the same from run to run. */
const ADDRESS = 0xc000012000n;

function formatPointer(type: GoType, how: How): string {
  if (!["pointer", "func", "map", "slice"].includes(type.kind)) return `%!${how.verb}(${type.name})`;
  const flags = { ...how.flags, sharp: !how.flags.sharp };
  if (how.flags.sharpV) return `(${type.name})(0x${ADDRESS.toString(16)})`;
  return how.verb === "v" || how.verb === "p"
    ? formatInteger(ADDRESS, "x", flags)
    : (formatIntegerVerb(ADDRESS, true, how) ?? `%!${how.verb}(${type.name}=0x${ADDRESS.toString(16)})`);
}
