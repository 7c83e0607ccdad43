/** More than any machine has. */
const MAX_IDS = 4096;

/** `0-3,8`, as the kernel and people list cores; what is no number is left out. */
export function parseIdList(text: string): readonly number[] {
  const ids = new Set<number>();
  for (const part of text.trim().split(",")) {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim()) ?? [];
    if (first === undefined) continue;
    for (let id = Number(first); id <= Number(last) && ids.size < MAX_IDS; id++) ids.add(id);
  }
  return [...ids].toSorted((a, b) => a - b);
}

/** The same, the other way round. */
export function idListText(ids: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const id of ids) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === id - 1) last[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
