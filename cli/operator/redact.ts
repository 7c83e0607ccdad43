const SECRET = /secret|token|password|passphrase|credential|private|encrypt|hmackey|rsakey|signature|(^|_)key$/i;
const REDACTED = "<redacted>";

/** A copy of an answer without what its names call secret. Accessors and flags stay. */
export function redacted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => redacted(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: readonly [string, unknown]) => {
      const isText = typeof item === "string" && item !== "";
      return [name, isText && SECRET.test(name) ? REDACTED : redacted(item)];
    }),
  );
}
