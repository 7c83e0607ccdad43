declare global {
  /** ECMAScript 2026, "JSON.parse source text access"; not in TypeScript's library yet. */
  interface JSON {
    rawJSON(text: string): object;
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

const INTEGER = /^-?\d{1,20}$/;

/** An integer in decimal, written to JSON digit by digit: for unsigned 64-bit values, which a double cannot hold. */
export function jsonInteger(value: string | bigint): object | number {
  const text = String(value);
  // A text that holds a raw number is several times slower to write than one that holds none.
  if (text.length < 16 && INTEGER.test(text)) return Number(text);
  return JSON.rawJSON(INTEGER.test(text) ? BigInt(text).toString() : "0");
}

/**
 * Parses JSON in which the integers under the named keys become bigint. Several times slower than plain parsing, so only
 * for texts where such a field can occur. Throws a SyntaxError.
 */
export function parseWithBigints(text: string, keys: readonly string[]): unknown {
  return JSON.parse(text, (key, value, { source }) =>
    typeof value === "number" && keys.includes(key) && source !== undefined && INTEGER.test(source)
      ? BigInt(source)
      : value,
  );
}
