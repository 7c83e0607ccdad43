const ESCAPES: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r" };

/**
 * Values by `table.key`, as they are written, of the shapes of TOML that Imager writes: tables, strings, flags, and lists of strings
 * on one line or several.
 */
export function tomlValues(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let table = "";
  let open: string | undefined;
  for (const line of text.split("\n")) {
    if (open !== undefined) {
      values.set(open, `${values.get(open)}\n${line}`);
      if (closesList(line)) open = undefined;
      continue;
    }
    const [, named] = /^\s*\[([\w.]+)\]\s*(?:#.*)?$/.exec(line) ?? [];
    if (named !== undefined) table = named;
    const [, key, value] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    values.set(`${table}.${key}`, value);
    if (value.startsWith("[") && !closesList(value)) open = `${table}.${key}`;
  }
  return values;
}

/** The strings of a value (https://toml.io/en/v1.0.0#string): basic ones, and literal ones. */
export function tomlStrings(value = ""): readonly string[] {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|#.*/g)].flatMap(([, basic, literal]) => {
    if (literal !== undefined) return [literal];
    return basic === undefined ? [] : [unescaped(basic)];
  });
}

function closesList(line: string): boolean {
  return line.replaceAll(/"(?:[^"\\]|\\.)*"|'[^']*'|#.*/g, "").includes("]");
}

function unescaped(text: string): string {
  return text.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|U(000[0-9a-fA-F]{5}|0010[0-9a-fA-F]{4})|(.))/g,
    (...found: readonly string[]) => {
      const [, short, long, other = ""] = found;
      const code = short ?? long;
      return code === undefined ? (ESCAPES[other] ?? other) : String.fromCodePoint(Number.parseInt(code, 16));
    },
  );
}
