const MAX_PORT = 65_535;

/** `22,80,8500-8600` as a set. What is no port is left out: the agent's configuration was checked when it was read. */
export function parsePortRanges(text: string): ReadonlySet<number> {
  const ports = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/.exec(part);
    if (match === null) continue;
    const first = Number(match[1]);
    const last = Math.min(Number(match[2] ?? match[1]), MAX_PORT);
    for (let port = first; port <= last; port++) ports.add(port);
  }
  return ports;
}
