import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Prng } from "#sim/prng.ts";
import { until } from "../agent.ts";
import type { LabCluster, ShownNode } from "../lab-cluster.ts";
import { stateAt } from "../servers/growth.ts";
import { killEtcd } from "./kill-etcd.ts";

export interface Befalling {
  readonly seed: number;
  readonly forMs: number;
  /** There is time for servers that are lost for good, and for power cuts of all at once. */
  readonly isLong: boolean;
  /** Takes down what happened. */
  readonly told: string[];
  readonly onReplaced: (old: ShownNode, now: ShownNode) => void;
}

interface Struck {
  readonly lab: LabCluster;
  readonly server: ShownNode;
  readonly others: readonly ShownNode[];
  readonly random: Prng;
  readonly ms: number;
}

/**
 * What befalls one server after the other, drawn from a seed: every kind once before any comes again. Each fault is over before the
 * next begins. `servers` is kept up to date where one is replaced.
 */
export async function befall(
  lab: LabCluster,
  servers: ShownNode[],
  { seed, forMs, isLong, told, onReplaced }: Befalling,
): Promise<void> {
  const random = new Prng(seed);
  const end = performance.now() + forMs;
  let left: Kind[] = [];
  while (performance.now() < end) {
    if (left.length === 0) left = KINDS.filter((kind) => isPossible(kind, isLong));
    const server = random.pick(servers);
    const kind = random.pick(left);
    if (server === undefined || kind === undefined) break;
    left = left.filter((each) => each !== kind);
    const ms = Math.round(random.between(500, isLong ? 6000 : 3000));
    told.push(`${kind} ${server.name} ${ms}`);
    const others = servers.filter(({ name }) => name !== server.name);
    if (kind === "replace") {
      const now = await replaced({ lab, server, others, random, ms });
      servers[servers.indexOf(server)] = now;
      onReplaced(server, now);
    } else await FAULTS[kind]({ lab, server, others, random, ms });
    await delay(random.between(1000, 2500));
  }
}

function isPossible(kind: Kind, isLong: boolean): boolean {
  const isRoot = process.getuid?.() === 0;
  if (kind === "replace" || kind === "blackout") return isLong;
  if (kind === "slowDisk") return isRoot && existsSync("/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device");
  return isRoot || kind === "kill" || kind === "pause" || kind === "etcd" || kind === "skew";
}

/** For good: another takes its place, which the others give it without anybody's doing. */
async function replaced({ lab, server, others }: Struck): Promise<ShownNode> {
  const known = new Set((await lab.status()).map(({ name }) => name));
  await lab.lab("kill", server.name);
  await lab.lab("add", "-server");
  const now = (await lab.status()).find(({ name }) => !known.has(name));
  if (now === undefined) throw new Error("no server was added");
  const wanted = [...others, now];
  await until(
    `${wanted.map(({ name }) => name).join(", ")} hold the state`,
    async () => {
      const { Members } = await stateAt(now.http.nomad).catch(() => ({ Members: [] }));
      const well = Members.filter(({ Voter, Healthy }) => Voter && Healthy);
      return Members.length === wanted.length && wanted.every(({ id }) => well.some(({ ID }) => ID === id));
    },
    120_000,
  );
  return now;
}

const FAULTS = {
  async kill({ lab, server: { name }, ms }: Struck) {
    await lab.lab("kill", name);
    await delay(ms);
    await lab.lab("start", name);
  },
  /** The power goes for all; they come back one by one, in any order. */
  async blackout({ lab, server, others, ms, random }: Struck) {
    for (const { name } of [...others, server]) await lab.lab("kill", name);
    await delay(ms);
    const names = [server, ...others].map(({ name }) => ({ name, at: random.float() }));
    await Promise.all(
      names.map(async ({ name, at }) => {
        await delay(at * 3000);
        await lab.lab("start", name);
      }),
    );
  },
  async pause({ lab, server: { name }, ms }: Struck) {
    await lab.lab("pause", name);
    await delay(ms);
    await lab.lab("resume", name);
  },
  partition: (struck: Struck) => cutOff(struck),
  oneWay: (struck: Struck) => cutOff(struck, `-direction=${struck.random.chance(0.5) ? "in" : "out"}`),
  /** Its callers reach it, and the other servers do not. */
  apart: (struck: Struck) => cutOff(struck, `-from=${struck.others.map(({ name }) => name).join(",")}`),
  /** One of the three reaches both others, who do not reach each other. */
  bridge: (struck: Struck) => cutOff(struck, `-from=${struck.others[0]?.name ?? ""}`),
  /** One does not hear one other, and is heard. */
  halfBridge: (struck: Struck) => cutOff(struck, `-from=${struck.others[1]?.name ?? ""}`, "-direction=in"),
  /** The agent starts it again. */
  async etcd({ lab, server: { name }, ms }: Struck) {
    killEtcd(lab.dir, name);
    await delay(ms);
  },
  async skew({ lab, server: { name }, ms, random }: Struck) {
    await lab.lab("skew", name, `-by=${random.pick(["90s", "-90s", "3601s", "-3601s"])}`);
    await delay(ms);
    await lab.lab("skew", name, "-by=0s");
  },
  async slow({ lab, server: { name }, ms }: Struck) {
    await lab.lab("slow", name, "-delay=60ms", "-loss=2");
    await delay(ms);
    await lab.lab("heal", name);
  },
  async slowDisk({ lab, server: { name }, ms, random }: Struck) {
    await lab.lab("slow-disk", name, `-writes=${Math.round(random.between(2, 40))}`);
    await delay(ms);
    await lab.lab("heal", name);
  },
} as const;

type Kind = keyof typeof FAULTS | "replace";
const KINDS: readonly Kind[] = [
  "kill",
  "blackout",
  "pause",
  "partition",
  "oneWay",
  "apart",
  "bridge",
  "halfBridge",
  "etcd",
  "skew",
  "slow",
  "slowDisk",
  "replace",
];

async function cutOff({ lab, server: { name }, ms }: Struck, ...how: readonly string[]): Promise<void> {
  await lab.lab("partition", name, ...how);
  await delay(ms);
  await lab.lab("heal", name);
}
