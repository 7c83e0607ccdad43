import type { Usage } from "./usage.ts";

/** An allocation that may have to make room. */
export interface Victim {
  readonly allocId: string;
  /** Of its job. */
  readonly priority: number;
  readonly usage: Usage;
  /** `namespace/job/group`, and how many of it may be moved at one time (`migrate { max_parallel }`). */
  readonly group: string;
  readonly maxParallel: number;
}

/** What a node is short of for one more allocation. */
export interface Shortage {
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
  /** The static ports asked for that are in use, as `address:port`. */
  readonly ports: ReadonlySet<string>;
  readonly cores: number;
  /** What is no number: whether it would be free without these, and who has a part in it. Absent: nothing is missing. */
  readonly rest?: {
    readonly isFree: (ended: readonly Victim[]) => boolean;
    readonly gives: (victim: Victim) => boolean;
  };
}

/** A job takes the place only of jobs at least so much less important. */
export const PRIORITY_DISTANCE = 10;
/** Added to the distance of a victim for each one of its group beyond what may be moved at one time. */
const PARALLEL_PENALTY = 50;

/**
 * Whom to end so that what is short becomes free: the least important first, among those the one whose size is nearest to
 * what is still short; in the end whoever turned out not to be needed is left alone. Undefined: all of them together would
 * not be enough. `ended`: how many of each group were ended before.
 *
 * https://developer.hashicorp.com/nomad/docs/concepts/scheduling/preemption
 */
export function chooseVictims(
  shortage: Shortage,
  candidates: readonly Victim[],
  ended: ReadonlyMap<string, number>,
): Victim[] | undefined {
  const chosen: Victim[] = [];
  let open = shortage;
  // Only whoever holds a port can give it back.
  for (const holder of candidates.filter((each) => holdsAsked(each.usage, shortage))) {
    chosen.push(holder);
    open = without(open, holder.usage);
  }
  const byPriority = Map.groupBy(
    candidates.filter((each) => !chosen.includes(each)),
    ({ priority }) => priority,
  );
  for (const priority of [...byPriority.keys()].toSorted((a, b) => a - b)) {
    const rest = [...(byPriority.get(priority) ?? [])];
    while (!isEnough(open, chosen) && rest.length > 0) {
      // Where only devices or ports are missing, others need not go.
      const useful = isCovered(open) ? rest.filter((each) => open.rest?.gives(each) === true) : rest;
      if (useful.length === 0) break;
      const next = nearest(useful, open, (group) => countOf(chosen, group) + (ended.get(group) ?? 0));
      rest.splice(rest.indexOf(next), 1);
      chosen.push(next);
      open = without(open, next.usage);
    }
  }
  return isEnough(open, chosen) ? needed(shortage, chosen) : undefined;
}

/** 0 … 1, higher the less important the victims are: a logistic curve over their highest priority and its share. */
export function preemptionScore(victims: readonly Victim[]): number {
  if (victims.length === 0) return 1;
  const highest = Math.max(...victims.map(({ priority }) => priority));
  const sum = victims.reduce((total, { priority }) => total + priority, 0);
  const net = highest <= 0 ? 0 : highest + sum / highest;
  return 1 / (1 + Math.exp(0.0048 * (net - 2048)));
}

/** The largest go first when looking for those that are not needed. */
function needed(shortage: Shortage, chosen: readonly Victim[]): Victim[] {
  const kept = new Set(chosen);
  const bySize = chosen.toSorted((a, b) => a.usage.memory + a.usage.cpu - (b.usage.memory + b.usage.cpu));
  for (const victim of bySize) {
    kept.delete(victim);
    const open = [...kept].reduce((left, { usage }) => without(left, usage), shortage);
    if (!isEnough(open, [...kept])) kept.add(victim);
  }
  return chosen.filter((each) => kept.has(each));
}

function nearest(rest: readonly Victim[], open: Shortage, movedOf: (group: string) => number): Victim {
  const distances = rest.map((victim) => {
    const beyond = victim.maxParallel > 0 ? movedOf(victim.group) + 1 - victim.maxParallel : 0;
    return { victim, distance: distanceOf(victim.usage, open) + Math.max(0, beyond) * PARALLEL_PENALTY };
  });
  const [first, ...others] = distances;
  if (first === undefined) throw new Error("there is somebody to choose from");
  return others.reduce((best, each) => (each.distance < best.distance ? each : best), first).victim;
}

/** Euclidean, each dimension as a share of what is short; dimensions of which enough is there do not count. */
function distanceOf(usage: Usage, open: Shortage): number {
  const pairs = [
    [usage.cpu, open.cpu],
    [usage.memory, open.memory],
    [usage.disk, open.disk],
  ] as const;
  return Math.sqrt(pairs.reduce((sum, [has, wanted]) => (wanted <= 0 ? sum : sum + ((wanted - has) / wanted) ** 2), 0));
}

function holdsAsked({ ports }: Usage, shortage: Shortage): boolean {
  return ports.some(({ hostIp, port }) => shortage.ports.has(`${hostIp}:${port}`));
}

function without(open: Shortage, usage: Usage): Shortage {
  const ports = new Set(usage.ports.map(({ hostIp, port }) => `${hostIp}:${port}`));
  return {
    ...open,
    cpu: open.cpu - usage.cpu,
    memory: open.memory - usage.memory,
    disk: open.disk - usage.disk,
    cores: open.cores - usage.cores.length,
    ports: open.ports.difference(ports),
  };
}

function isEnough(open: Shortage, ended: readonly Victim[]): boolean {
  return isCovered(open) && open.rest?.isFree(ended) !== false;
}

function isCovered({ cpu, memory, disk, cores, ports }: Shortage): boolean {
  return cpu <= 0 && memory <= 0 && disk <= 0 && cores <= 0 && ports.size === 0;
}

function countOf(victims: readonly Victim[], group: string): number {
  return victims.filter((each) => each.group === group).length;
}
