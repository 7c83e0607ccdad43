/**
 * Whether a name matches a pattern of `*` (any text), `?` (a character), `[a-z]`, `[^a-z]` and `\x`, as Go's
 * `filepath.Match` has it. A malformed pattern matches nothing.
 */
export function matchesGlob(name: string, pattern: string): boolean {
  const parts = read(Array.from(pattern));
  return parts !== undefined && matches(Array.from(name), parts);
}

type Part = "any" | ((character: string) => boolean);

function read(pattern: readonly string[]): readonly Part[] | undefined {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern[at] ?? "";
    if (sign === "*") parts.push("any");
    else if (sign === "?") parts.push((character) => character !== "/");
    else if (sign === "[") {
      const end = pattern.indexOf("]", at + 2);
      if (end < 0) return undefined;
      parts.push(inClass(pattern.slice(at + 1, end)));
      at = end;
    } else {
      if (sign === "\\") at++;
      const wanted = pattern[at];
      if (wanted === undefined) return undefined;
      parts.push((character) => character === wanted);
    }
  }
  return parts;
}

function inClass(inside: readonly string[]): (character: string) => boolean {
  const negated = inside[0] === "^";
  const members = negated ? inside.slice(1) : inside;
  return (character) => {
    let found = false;
    for (let at = 0; at < members.length; at++) {
      const low = members[at] ?? "";
      const isRange = members[at + 1] === "-" && at + 2 < members.length;
      const high = isRange ? (members[at + 2] ?? "") : low;
      if (isRange) at += 2;
      if (character >= low && character <= high) found = true;
    }
    return found !== negated;
  };
}

/** One pass with a single place to come back to: linear times the number of stars at worst. */
function matches(name: readonly string[], parts: readonly Part[]): boolean {
  let [at, part] = [0, 0];
  let back: { at: number; part: number } | undefined;
  while (at < name.length) {
    const wanted = parts[part];
    if (wanted === "any") back = { at, part: part++ };
    else if (wanted?.(name[at] ?? "") === true) {
      at++;
      part++;
    } else if (back !== undefined && name[back.at] !== "/") {
      back.at++;
      at = back.at;
      part = back.part + 1;
    } else return false;
  }
  return parts.slice(part).every((each) => each === "any");
}
