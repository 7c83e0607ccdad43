import type { Ask } from "./ask.ts";
import type { PortSpace } from "./port-space.ts";

/** One free port for each dynamic port asked for, in their order; each is searched upwards from `start()` in [0, 1). */
export function pickDynamic(space: PortSpace, ask: Ask, start: () => number): number[] | undefined {
  const taken = new Set(ask.staticPorts.map(({ port }) => port));
  const picked: number[] = [];
  for (const { hostNetwork } of ask.dynamicPorts) {
    const found = space.findDynamic(space.addressOf(hostNetwork) ?? "", start(), taken);
    if (found === undefined) return undefined;
    taken.add(found);
    picked.push(found);
  }
  return picked;
}

/** Whether {@link pickDynamic} finds them all, wherever it starts. */
export function hasDynamic(space: PortSpace, ask: Ask): boolean {
  if (ask.dynamicPorts.length === 0) return true;
  const wanted = ask.dynamicPorts.length + ask.staticPorts.length;
  return wanted <= space.leastDynamic || pickDynamic(space, ask, () => 0) !== undefined;
}
