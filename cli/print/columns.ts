const GAP = "  ";

/** Rows under a heading, each column as wide as its widest cell. */
export function columns(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [heading, ...rows];
  const widths = heading.map((_, at) => Math.max(...all.map((row) => width(row[at] ?? ""))));
  return all.map((row) =>
    row
      .map((cell, at) => pad(cell, widths[at] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

/** `Name = value` lines with the equals signs under each other. */
export function properties(pairs: readonly (readonly [name: string, value: string])[]): string[] {
  const widest = Math.max(...pairs.map(([name]) => width(name)));
  return pairs.map(([name, text]) => `${pad(name, widest)} = ${text}`);
}

function pad(text: string, to: number): string {
  return text + " ".repeat(Math.max(0, to - width(text)));
}

function width(text: string): number {
  return Array.from(text).length;
}
