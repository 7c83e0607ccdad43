/** An anonymous set; a lone element needs none. */
export function setOf(elements: readonly string[]): string {
  const [only] = elements;
  return elements.length === 1 && only !== undefined ? only : `{ ${elements.join(", ")} }`;
}

export function quoted(name: string): string {
  return `"${name}"`;
}

/** A chain; `hook` is empty for those that are jumped to. */
export function chain(name: string, hook: string, rules: readonly string[]): readonly string[] {
  const head = hook === "" ? [] : [hook];
  return [`  chain ${name} {`, ...[...head, ...rules].map((each) => `    ${each}`), "  }"];
}
