/** `2026-11-21T03:00:00+01:00`, in the machine's zone; `<none>` for no time. */
export function localTime(ns: number): string {
  if (ns <= 0) return "<none>";
  const at = new Date(ns / 1e6);
  const offset = -at.getTimezoneOffset();
  const local = new Date(at.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const two = (n: number): string => String(Math.floor(Math.abs(n))).padStart(2, "0");
  return `${local}${offset === 0 ? "Z" : `${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`}`;
}

/** `12s ago`, `3m4s ago`, `2h5m ago`, `4d3h ago`. */
export function ago(ns: number, nowMs: number): string {
  if (ns <= 0) return "<none>";
  const seconds = Math.max(0, Math.floor(nowMs / 1000 - ns / 1e9));
  return `${span(seconds)} ago`;
}

export function span(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0s";
  let left = Math.floor(seconds);
  return units
    .slice(first, first + 2)
    .map(([unit, size]) => {
      const count = Math.floor(left / size);
      left -= count * size;
      return count === 0 ? "" : `${count}${unit}`;
    })
    .join("");
}

/** The first eight characters, as people type them. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
