/**
 * Picks a /24 that no route of this machine touches.
 * @param routes output of `ip -4 -o route show table all`
 */
export function freeSubnet(routes: string): { address: string; subnet: string } {
  const taken = routes.split("\n").flatMap(parseRoute);
  for (let third = 0; third < 256; third++) {
    const base = toNumber(`10.213.${third}.0`);
    const isTaken = taken.some(({ start, size }) => start < base + 256 && base < start + size);
    if (!isTaken) return { address: `10.213.${third}.1/24`, subnet: `10.213.${third}.0/24` };
  }
  throw new Error("no free network for containers: 10.213.0.0/16 is routed elsewhere on this machine");
}

function parseRoute(line: string): { start: number; size: number }[] {
  const found = /(?:^|\s)(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?\s/.exec(`${line} `);
  const [, address, prefix] = found ?? [];
  if (address === undefined || line.startsWith("default")) return [];
  return [{ start: toNumber(address), size: 2 ** (32 - Number(prefix ?? 32)) }];
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
