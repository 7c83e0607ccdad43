import { setTimeout as pause } from "node:timers/promises";
import { longestGap, Nodes, type Probe } from "#test/ingress/vip/nodes.ts";
import { until } from "#test/scenario/agent.ts";
import type { Bench, BenchContext } from "./harness.ts";

const VIP = "10.77.0.100";
const NODES = ["a", "b", "c"];
const CALM_MS = 500;

/** How long a client goes without answers when the node that holds a virtual address is lost, and when it is stopped in order. */
export const bench: Bench = {
  name: "vip",
  title: "Ingress: an address moves to another node",
  async run(context) {
    if (process.getuid?.() !== 0) return { measures: [], notes: ["network namespaces are root's to make: not run"] };
    const nodes = await openNodes(context);
    const measures = await context.takeTurns([
      {
        name: "node lost",
        unit: "ms",
        better: "less",
        target: { text: "≤ 0.7 s", atMost: 700 },
        turn: () =>
          outage(nodes, async (holder, probe) => {
            nodes.cable(holder, "down");
            await moved(probe, holder);
            nodes.cable(holder, "up");
          }),
      },
      {
        name: "planned",
        unit: "ms",
        better: "less",
        target: { text: "≤ 0.1 s", atMost: 100 },
        turn: () =>
          outage(nodes, async (holder, probe) => {
            const role = nodes.roleOf(holder);
            role.kill("SIGTERM");
            await moved(probe, holder);
            await ended(role);
            await nodes.vip(holder, ENV);
          }),
      },
    ]);
    return {
      measures,
      notes: [
        "three nodes in network namespaces, HAProxy on each; a client opens a connection every 4 ms; the longest time between two that were answered",
        "keepalived with its defaults, an advertisement a second: 3.1 s and 0.6 s",
      ],
    };
  },
};

const ENV = { LARES_VIP_ADDRESSES: `${VIP}/24` };

async function openNodes(context: BenchContext): Promise<Nodes> {
  const nodes = await Nodes.start({ teardown: (end) => context.defer(end) }, NODES);
  context.defer(() => nodes.stop());
  for (const name of NODES) await nodes.register(name);
  for (const name of NODES) {
    nodes.haproxy(name, [VIP]);
    await nodes.vip(name, ENV);
  }
  return nodes;
}

/** The gap a move leaves. The way back, to the node the address is meant for, is not counted. */
async function outage(nodes: Nodes, move: (holder: string, probe: Probe) => Promise<void>): Promise<number> {
  await until("one node holds the address", () => nodes.holdersOf(NODES, VIP).length === 1);
  await settled(nodes);
  const [holder = ""] = nodes.holdersOf(NODES, VIP);
  const probe = nodes.probe(VIP);
  await until("it is answered", () => probe.answers().includes(holder));
  await pause(CALM_MS);
  await move(holder, probe);
  const seen = await probe.stop();
  const back = seen.findLastIndex(({ who }) => who !== holder);
  return longestGap(seen.slice(0, back + 1));
}

/** The address is where it is meant to be: held by the same node for two seconds. */
async function settled(nodes: Nodes): Promise<void> {
  let last = "";
  let sinceMs = 0;
  await until("the address stays", () => {
    const now = nodes.holdersOf(NODES, VIP).join();
    if (now !== last || now === "") [last, sinceMs] = [now, performance.now()];
    return performance.now() - sinceMs > 2000;
  });
}

const moved = (probe: Probe, from: string): Promise<void> =>
  until("another node answers", () => !["", from, undefined].includes(probe.answers().at(-1)));

function ended(child: ReturnType<Nodes["roleOf"]>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}
