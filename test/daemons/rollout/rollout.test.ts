import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { silentLog } from "#base/env/log.ts";
import { CodedError } from "#base/env/errors.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { FirmwareState, NodeUpdate, Rollout } from "#base/protocol/rollout.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { rollouts } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import {
  AWAY_MS,
  judge,
  nextStep,
  orderOf,
  UPDATE_MS,
  type ClusterFacts,
  type NodeFacts,
} from "#daemons/rollout/decide.ts";
import { REFUSED, RolloutKeeper, type FirmwareOrder, type RolloutPorts } from "#daemons/rollout/rollout-keeper.ts";
import { parseWindow } from "#daemons/rollout/window.ts";
import { until } from "#test/scenario/agent.ts";

const system = createEnv({ logLevel: "error" });
const env = { ...system, log: silentLog };
test.after.always(() => system.close());

const OLD = "1.0.0";
const NEW = "2.0.0";

/** Nodes that update as told, each in its own way, while they log who did what. */
class Fleet {
  readonly log: string[] = [];
  /** What they were told to write. */
  readonly told: string[] = [];
  readonly versions = new Map<string, string>();
  readonly draining = new Set<string>();
  readonly ineligible = new Set<string>();
  readonly away = new Set<string>();
  readonly troubles = new Map<string, "refuses" | "goes-back" | "cannot-write">();
  readonly #orders = new Map<string, FirmwareState["Order"]>();
  readonly #updates = new Map<string, FirmwareState["Update"]>();
  readonly names: readonly string[];
  readonly #offered: string;

  constructor(names: readonly string[], offered = NEW) {
    this.names = names;
    this.#offered = offered;
    for (const name of names) this.versions.set(name, OLD);
  }

  readonly ports: RolloutPorts = {
    facts: () => ({
      nodes: this.names.map((name): NodeFacts => ({
        id: name,
        name,
        isReady: !this.away.has(name),
        isEligible: !this.ineligible.has(name),
        isDraining: this.draining.has(name),
        isServer: name.startsWith("s"),
        isLeader: name === "s1",
      })),
      servers: {
        alive: this.names.filter((name) => name.startsWith("s") && !this.away.has(name)).length,
        all: this.names.filter((name) => name.startsWith("s")).length,
      },
      othersTake: (id) => this.names.some((name) => name !== id && !this.ineligible.has(name)),
    }),
    drain: async (id) => {
      this.log.push(`drain ${id}`);
      this.ineligible.add(id);
      this.draining.add(id);
      setTimeout(() => this.draining.delete(id), 5);
    },
    restore: async (id, isEligible) => {
      this.log.push(`restore ${id} ${isEligible ? "eligible" : "as it was"}`);
      this.draining.delete(id);
      if (isEligible) this.ineligible.delete(id);
    },
    state: async (id) => this.#state(id),
    offered: async (id) => {
      if (this.troubles.get(id) === "refuses") throw new CodedError(REFUSED, "signed by a stranger");
      return { Version: this.#offered, Running: this.versions.get(id) ?? "", Bundle: `http://x/${id}.raucb` };
    },
    order: async (id, { Source }: FirmwareOrder) => {
      this.log.push(`order ${id}`);
      this.told.push(Source);
      const trouble = this.troubles.get(id);
      if (trouble === "cannot-write") {
        this.#orders.set(id, { Source, Running: false, Problem: "no space" });
        return;
      }
      this.#orders.set(id, { Source, Running: true, Problem: "" });
      setTimeout(() => this.#restart(id, trouble === "goes-back"), 5);
    },
  };

  /** Away for a moment; then the new version is confirmed, or the old one is back. */
  #restart(id: string, goesBack: boolean): void {
    this.away.add(id);
    this.#orders.delete(id);
    setTimeout(() => {
      this.away.delete(id);
      if (!goesBack) this.versions.set(id, this.#offered);
      this.#updates.set(id, {
        Version: this.#offered,
        From: OLD,
        Slot: "B",
        State: goesBack ? "failed" : "confirmed",
        At: new Date().toISOString(),
        Reason: goesBack ? "the agent does not answer" : "",
      });
    }, 5);
  }

  #state(id: string): FirmwareState {
    if (this.away.has(id)) throw new Error("it does not answer");
    return {
      Version: this.versions.get(id) ?? "",
      Slot: "A",
      Judged: true,
      Update: this.#updates.get(id) ?? null,
      Order: this.#orders.get(id) ?? null,
      Troubles: [],
    };
  }
}

/** Pauses are short here. */
const quick = {
  ...env,
  clock: { ...system.clock, after: (ms: number, fire: () => void) => system.clock.after(Math.min(ms, 2), fire) },
};

async function keeperOf(t: ExecutionContext, fleet: Fleet) {
  const store = new MemoryStore();
  const view = await followView(store, [rollouts]);
  const make = (): RolloutKeeper => new RolloutKeeper({ env: quick, store, view, ports: fleet.ports });
  const keeper = make();
  t.teardown(() => keeper.stopLeading());
  return { keeper, make };
}

const WISH = { Source: "http://x/stable.json", Older: false, Window: "", Nodes: [] };

async function over(keeper: RolloutKeeper): Promise<Rollout> {
  await until("it is over", () => keeper.current() !== undefined && keeper.current()?.value.State !== "running");
  const found = keeper.current();
  if (found === undefined) throw new Error("it is gone");
  return found.value;
}

test("nodes are updated one after the other, whoever leads last, and take tasks again", async (t) => {
  const fleet = new Fleet(["s1", "s2", "s3", "c1"]);
  fleet.ineligible.add("s2");
  const { keeper } = await keeperOf(t, fleet);
  keeper.startLeading();
  t.true((await keeper.begin(WISH)).ok);
  t.is((await keeper.begin(WISH)).ok, false, "one at a time");
  const end = await over(keeper);
  t.is(end.State, "done", end.Reason);
  t.deepEqual(
    end.Nodes.map(({ Name, State, From, To }) => [Name, State, From, To]),
    ["c1", "s2", "s3", "s1"].map((name) => [name, "updated", OLD, NEW]),
  );
  const each = (name: string, how = "eligible"): string[] => [
    `drain ${name}`,
    `order ${name}`,
    `restore ${name} ${how}`,
  ];
  t.deepEqual(fleet.log, [...each("c1"), ...each("s2", "as it was"), ...each("s3"), ...each("s1")]);
  t.deepEqual(
    fleet.told,
    ["c1", "s2", "s3", "s1"].map((name) => `http://x/${name}.raucb`),
    "what the channel named for each",
  );
  t.true(fleet.ineligible.has("s2"), "what was kept free stays so");
  t.is((await keeper.stop()).ok, false, "nothing is left to stop");
});

test("the same Lares with packages that got fixes is another version, and the same one of it is not", async (t) => {
  const fleet = new Fleet(["s1", "c1"], `${OLD}.1`);
  const { keeper } = await keeperOf(t, fleet);
  keeper.startLeading();
  const told = async () => {
    t.true((await keeper.begin(WISH)).ok);
    return (await over(keeper)).Nodes.map(({ Name, State, From, Reason }) => [Name, State, From, Reason]);
  };
  t.deepEqual(
    await told(),
    ["c1", "s1"].map((name) => [name, "updated", OLD, ""]),
  );
  t.deepEqual(
    await told(),
    ["c1", "s1"].map((name) => [name, "skipped", `${OLD}.1`, `it runs ${OLD}.1 already`]),
  );
});

for (const [trouble, reason] of [
  ["refuses", /signed by a stranger/],
  ["goes-back", /the agent does not answer/],
  ["cannot-write", /no space/],
] as const)
  test(`the first node that fails ends it: ${trouble}`, async (t) => {
    const fleet = new Fleet(["s1", "s2", "s3"]);
    fleet.troubles.set("s3", trouble);
    const { keeper } = await keeperOf(t, fleet);
    keeper.startLeading();
    await keeper.begin(WISH);
    const end = await over(keeper);
    t.is(end.State, "failed");
    t.regex(end.Reason, reason);
    t.deepEqual(
      end.Nodes.map(({ State }) => State),
      ["updated", "failed", "waiting"],
    );
    t.is(fleet.versions.get("s1"), OLD, "the leader was not touched");
    t.deepEqual([...fleet.ineligible], [], "nobody stays drained");
  });

test("a new leader goes on where the old one stopped", async (t) => {
  const fleet = new Fleet(["s1", "s2", "s3"]);
  const { keeper, make } = await keeperOf(t, fleet);
  keeper.startLeading();
  await keeper.begin(WISH);
  await until("s2 was told", () => fleet.log.includes("order s2"));
  await keeper.stopLeading();
  const next = make();
  t.teardown(() => next.stopLeading());
  next.startLeading();
  t.is((await over(next)).State, "done");
  t.is(fleet.log.filter((line) => line === "order s3").length, 1);
});

test("one that is stopped begins no further node; nodes that have the version are passed over", async (t) => {
  const fleet = new Fleet(["s1", "s2", "s3"]);
  fleet.versions.set("s2", NEW);
  fleet.away.add("s1");
  const { keeper } = await keeperOf(t, fleet);
  keeper.startLeading();
  t.regex(JSON.stringify(await keeper.begin({ ...WISH, Nodes: ["nobody"] })), /no node .* is called nobody/);
  t.true((await keeper.begin({ ...WISH, Nodes: ["s2", "s3"] })).ok);
  // A server is away: another one must not go.
  await until("it waits for the server", () => /1 of 3 servers/.test(keeper.current()?.value.Nodes[0]?.Reason ?? ""));
  t.true((await keeper.stop()).ok);
  t.is((await over(keeper)).State, "stopped");
  t.deepEqual(fleet.log, []);
  fleet.away.delete("s1");
  t.true((await keeper.begin({ ...WISH, Nodes: ["s2", "s3"] })).ok);
  t.deepEqual(
    (await over(keeper)).Nodes.map(({ State }) => State),
    ["skipped", "updated"],
  );
});

const waiting: NodeUpdate = {
  NodeID: "a",
  Name: "a",
  State: "waiting",
  From: "",
  To: "",
  Bundle: "",
  Since: 0,
  Reason: "",
  Restore: false,
  Before: "",
};
const facts = (more: Partial<NodeFacts> = {}): ClusterFacts => ({
  nodes: [
    { id: "a", name: "a", isReady: true, isEligible: true, isDraining: false, isServer: true, isLeader: true, ...more },
  ],
  servers: { alive: 1, all: 1 },
  othersTake: () => false,
  nowMs: 0,
  isInWindow: true,
});
const rolloutOf = (...Nodes: NodeUpdate[]): Rollout => ({
  ...WISH,
  State: "running",
  Reason: "",
  StartedAt: 0,
  EndedAt: 0,
  Nodes,
});

test("what comes next", (t) => {
  const kind = (node: NodeUpdate, known: ClusterFacts): string => nextStep(rolloutOf(node), known).kind;
  t.is(kind(waiting, facts()), "begin");
  t.like(nextStep(rolloutOf(waiting), facts()), { drains: false, restore: true }, "nobody else is there");
  t.is(kind(waiting, { ...facts(), isInWindow: false }), "wait");
  t.is(kind(waiting, facts({ isReady: false })), "wait");
  t.is(kind({ ...waiting, State: "draining" }, facts({ isDraining: true })), "wait");
  t.is(
    kind({ ...waiting, State: "draining" }, { ...facts(), isInWindow: false }),
    "order",
    "what began is brought to its end",
  );
  t.is(kind({ ...waiting, State: "updating" }, facts({ isReady: false })), "watch");
  t.is(kind({ ...waiting, State: "updating" }, { ...facts(), nowMs: UPDATE_MS + 1 }), "fail");
  t.is(kind({ ...waiting, State: "updated" }, facts()), "finish");
  const gone = { ...waiting, NodeID: "gone" };
  t.like(nextStep(rolloutOf(waiting, gone), facts()), { kind: "skip", node: gone });
  t.is(kind({ ...gone, State: "updating" }, facts()), "fail");
  const b = { ...waiting, NodeID: "b", Name: "b" };
  const both = {
    ...facts({ isReady: false }),
    nodes: [...facts({ isReady: false }).nodes, ...facts({ id: "b" }).nodes],
  };
  t.like(nextStep(rolloutOf(waiting, b), both), { kind: "begin", node: b }, "one that is away comes last");
  const away = { ...waiting, Reason: "it is not ready", Since: 1000 };
  t.is(kind(away, { ...facts({ isReady: false }), nowMs: 1000 + AWAY_MS }), "wait");
  t.is(kind(away, { ...facts({ isReady: false }), nowMs: 1001 + AWAY_MS }), "skip");
  t.is(kind(away, { ...facts({ isReady: false }), nowMs: 1001 + AWAY_MS, isInWindow: false }), "wait");
  t.deepEqual(
    orderOf([
      facts().nodes[0] ?? t.fail(),
      ...facts({ id: "b", name: "b", isServer: false, isLeader: false }).nodes,
    ]).map(({ id }) => id),
    ["b", "a"],
  );
});

test("an update that was there before is not taken for ours", (t) => {
  const node: NodeUpdate = { ...waiting, State: "updating", To: NEW, Before: "2026-01-01" };
  const update = { Version: NEW, From: OLD, Slot: "B", State: "failed", At: "2026-01-01", Reason: "old" };
  const state: FirmwareState = { Version: OLD, Slot: "A", Judged: true, Update: update, Order: null, Troubles: [] };
  t.is(judge(node, state).kind, "pending");
  t.is(judge(node, { ...state, Update: { ...update, At: "2026-01-02" } }).kind, "failed");
  const confirmed = { ...update, At: "2026-01-02", State: "confirmed" };
  t.is(judge(node, { ...state, Version: NEW, Update: confirmed }).kind, "updated");
  t.is(judge(node, { ...state, Version: NEW, Judged: false, Update: confirmed }).kind, "pending");
});

test("windows hold at the times they name", (t) => {
  const holds = (text: string, at: string): boolean => {
    const read = parseWindow(text);
    if (!read.ok) throw new Error(read.error.message);
    return read.value.contains(Date.parse(at));
  };
  t.true(holds("", "2026-11-21T12:00:00Z"));
  t.true(holds("02:00-05:00", "2026-11-21T02:00:00Z"));
  t.false(holds("02:00-05:00", "2026-11-21T05:00:00Z"));
  // 2026-11-21 is a Saturday; Berlin is an hour ahead.
  t.true(holds("Sat 02:00-05:00 Europe/Berlin", "2026-11-21T01:30:00Z"));
  t.false(holds("Sat 02:00-05:00 Europe/Berlin", "2026-11-21T04:30:00Z"));
  t.true(holds("Sat 22:00-04:00", "2026-11-22T03:59:00Z"), "over midnight");
  t.false(holds("Sat 22:00-04:00", "2026-11-21T03:59:00Z"));
  t.true(holds("Fri-Mon 00:00-24:00", "2026-11-22T12:00:00Z"));
  t.false(holds("Tue-Thu,Fri 00:00-24:00", "2026-11-22T12:00:00Z"));
  for (const wrong of ["x", "25:00-26:00", "02:00", "Foo 02:00-03:00", "02:00-02:00", "02:00-03:00 Nowhere/At_all"])
    t.false(parseWindow(wrong).ok, wrong);
});

test("no text breaks the reading of windows", (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z,:0-9 /-]{0,30}$/)), (text) => {
      const read = parseWindow(text);
      if (read.ok) read.value.contains(0);
      return true;
    }),
  );
  t.pass();
});
