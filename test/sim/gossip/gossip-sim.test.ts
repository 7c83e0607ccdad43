import test from "ava";
import { lanPreset, localPreset, wanPreset, withoutLifeguard } from "#daemons/discovery/gossip/presets.ts";
import { detectionMs, falsePositives } from "#sim/gossip/detection.ts";
import { viewsDiffer } from "#sim/gossip/gossip-checkers.ts";
import { runFaulty } from "#sim/gossip/gossip-faults.ts";
import { GossipWorld } from "#sim/gossip/gossip-world.ts";

test("views agree again after loss, one-way cuts, pauses, and restarts at new addresses", (t) => {
  t.timeout(120_000);
  for (const [nodes, seeds] of [
    [3, 20],
    [7, 10],
    [20, 2],
  ] as const) {
    for (let seed = 1; seed <= seeds; seed++) {
      const run = runFaulty({ seed, nodes });
      t.is(run.failure, undefined, `${nodes} nodes, seed ${seed}:\n${run.faults.join("\n")}`);
    }
  }
});

test("a seed replays", (t) => {
  const [once, again, other] = [1, 1, 2].map((seed) => runFaulty({ seed, nodes: 5, forMs: 30_000 }));
  t.deepEqual(once, again);
  t.notDeepEqual(once, other);
});

test("two hundred nodes hear of a join and of a failure", (t) => {
  t.timeout(120_000);
  const world = new GossipWorld({ seed: 5, settings: { ...lanPreset, compress: false } });
  const [first, second] = world.startTogether(200);
  if (first === undefined || second === undefined) return t.fail("no nodes");
  const joined = world.start(200);
  world.join(joined, first);
  world.kill(second);
  world.runTo(45_000);
  t.is(viewsDiffer(world), undefined);
});

test("three nodes know of a failure in the time that the settings give", (t) => {
  const times = Array.from({ length: 100 }, (_, at) => detectionMs(at + 1, 3)).sort((a, b) => a - b);
  t.true((times[50] ?? Infinity) <= 6000, `median ${times[50]}`);
  t.true((times.at(-1) ?? Infinity) <= 7500, `worst ${times.at(-1)}`);
  // The far preset takes its own time, the local one too: 6 and 3 intervals of suspicion, and up to three to be probed.
  t.true(detectionMs(1, 3, wanPreset) <= 50_000);
  t.true(detectionMs(1, 3, localPreset) <= 6500);
});

test("nobody is declared failed at a tenth of packets lost", (t) => {
  t.deepEqual(falsePositives({ seed: 3, nodes: 5, forMs: 300_000, loss: 0.1 }).declared, 0);
});

test("slow nodes declare others failed less often than without Lifeguard", (t) => {
  const slow = { nodes: 4, pauseMs: 8000, everyMs: 8150 };
  const run = (seed: number, plain: boolean): number => {
    const settings = plain ? withoutLifeguard(lanPreset) : lanPreset;
    return falsePositives({ seed, nodes: 24, forMs: 120_000, loss: 0.05, slow, settings }).declared;
  };
  const seeds = [1, 2, 3];
  const [guarded, plain] = [false, true].map((is) => seeds.reduce((sum, seed) => sum + run(seed, is), 0));
  t.log(`declared failed: ${guarded} with Lifeguard, ${plain} without`);
  t.true((guarded ?? 0) < (plain ?? 0));
});
