/** Texts of more lines are compared only as a whole. */
const MAX_LINES = 2000;

/** Lines of both texts: ` ` in both, `-` only expected, `+` only there. Undefined: they are equal. */
export function lineDiff(expected: string, actual: string): readonly string[] | undefined {
  if (expected === actual) return undefined;
  const [a, b] = [expected.split("\n"), actual.split("\n")];
  if (a.length > MAX_LINES || b.length > MAX_LINES) return [`- ${a.length} lines`, `+ ${b.length} lines that differ`];
  const lengths = common(a, b);
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  const lines: string[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(`  ${a[i]}`);
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) lines.push(`- ${a[i++]}`);
    else lines.push(`+ ${b[j++]}`);
  }
  return lines;
}

/** Lengths of the longest common rests. */
function common(a: readonly string[], b: readonly string[]): readonly Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    const [row, next] = [table[i], table[i + 1]];
    for (let j = b.length - 1; row !== undefined && next !== undefined && j >= 0; j--)
      row[j] = a[i] === b[j] ? (next[j + 1] ?? 0) + 1 : Math.max(next[j] ?? 0, row[j + 1] ?? 0);
  }
  return table;
}
