import test from "ava";
import fc from "fast-check";
import type { Disk } from "#base/env/disk.ts";
import type { Lease } from "#daemons/dhcp/leases/lease.ts";
import type { SharedKv, Write } from "#daemons/dhcp/share/kv.ts";
import { mergeLease } from "#daemons/dhcp/share/merge.ts";
import {
  nextSlices,
  NO_SLICES,
  parseSlices,
  unanswered,
  type BlockFree,
  type Slices,
} from "#daemons/dhcp/share/slices.ts";
import { runSeed } from "#sim/run-seed.ts";
import { dhcpWith, type Mistakes } from "#sim/scenarios/dhcp/dhcp.ts";
import { TIMES } from "#sim/scenarios/dhcp/server-node.ts";
import { changedDisk } from "../../../changed-disk.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const blocks = (free: readonly number[]): BlockFree[] => free.map((count, block) => ({ block, free: count }));
const countOf = (slices: Slices, who: string): number =>
  Object.values(slices.owners).filter((owner) => owner === who).length;
const ask = (slices: Slices, me: string, more: { free?: readonly number[]; ripeWant?: string } = {}): Slices =>
  nextSlices({
    slices,
    me,
    blocks: blocks(more.free ?? Array.from({ length: 16 }, () => 4)),
    ripeWant: more.ripeWant,
    nonce: `n-${me}`,
  }) ?? slices;

test("an instance takes what it needs and leaves the rest", (t) => {
  const one = ask(NO_SLICES, "a");
  t.is(countOf(one, "a"), 4, "a quarter");
  t.is(ask(one, "a"), one, "and no more");
  const two = ask(one, "b");
  t.is(countOf(two, "b"), 4);
  t.is(countOf(two, "a"), 4);
  t.is(
    countOf(ask(two, "a", { free: [0, 0, 0, 0, ...Array.from({ length: 12 }, () => 4)] }), "a"),
    7,
    "its own are used up",
  );
});

test("when nothing is left the others are asked, give half, or lose it if they never answer", (t) => {
  const all: Slices = {
    owners: Object.fromEntries(Array.from({ length: 16 }, (_, i) => [String(i), "a"])),
    wants: {},
    seen: {},
  };
  const wanting = ask(all, "b");
  t.deepEqual(wanting.wants, { b: "n-b" });
  t.deepEqual(unanswered(wanting, "a"), ["n-b"]);
  t.deepEqual(unanswered(wanting, "b"), []);
  const given = ask(wanting, "a");
  t.is(countOf(given, "a"), 8);
  t.deepEqual(given.seen, { a: ["n-b"] });
  const taken = ask(given, "b");
  t.is(countOf(taken, "b"), 4);
  t.deepEqual([taken.wants, taken.seen], [{}, {}]);
  t.is(countOf(ask(wanting, "b", { ripeWant: "n-b" }), "b"), 4, "nobody answered");
  const refused: Slices = { ...wanting, seen: { a: ["n-b"] } };
  t.is(countOf(ask(refused, "b", { ripeWant: "n-b" }), "b"), 0, "it is there, and had none to give");
});

test("whatever happens, a change takes from nobody who is there", (t) => {
  const owner = fc.constantFrom("a", "b", "c", "");
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.array(owner, { minLength: 4, maxLength: 16 }),
        fc.array(fc.nat(4), { minLength: 16, maxLength: 16 }),
        fc.boolean(),
        (owners, free, isRipe) => {
          const held = Object.fromEntries(owners.flatMap((who, i) => (who === "" ? [] : [[String(i), who]])));
          const slices: Slices = { owners: held, wants: { a: "w" }, seen: { b: ["w"] } };
          const next = ask(slices, "a", isRipe ? { free, ripeWant: "w" } : { free });
          return owners.every((who, i) => {
            const now = next.owners[String(i)];
            return who === "b" || (who === "c" && !isRipe) ? now === who : who !== "c" || now === "c" || now === "a";
          });
        },
      ),
    ),
  );
});

test("slices that do not read are none", (t) => {
  for (const text of ["", "5", '{"owners":5}', '{"owners":{"1":2}}']) t.is(parseSlices(text), undefined, text);
  t.deepEqual(parseSlices("{}"), NO_SLICES);
});

test("what was promised alone meets what the store has", (t) => {
  const lease = (client: string, startMs: number, endMs: number, state: Lease["state"] = "bound"): Lease => {
    return { ip: 1, subnet: "n", client, mac: "", name: "", vendor: "", state, startMs, endMs };
  };
  const merge = (mine: Lease, stored: Lease | undefined) => mergeLease(mine, stored, 1000);
  t.is(merge(lease("a", 1, 900), undefined).kind, "store", "over");
  t.is(merge(lease("a", 1, 1100), undefined).kind, "push");
  t.is(merge(lease("a", 1, 1100), lease("a", 1, 1100)).kind, "store");
  t.deepEqual(merge(lease("a", 5, 1100), lease("a", 9, 1050, "released")), {
    kind: "push",
    lease: lease("a", 9, 1100, "released"),
  });
  t.is(merge(lease("a", 5, 1100), lease("b", 1, 900)).kind, "push", "theirs is over");
  t.is(merge(lease("a", 5, 900), lease("b", 1, 1100)).kind, "store");
  t.is(merge(lease("a", 5, 1100), lease("b", 1, 1100)).kind, "conflict");
});

// Mistakes that the scenario has to find

/** Writes under a key that do not look what is there. */
function blindly(writes: readonly Write[], part: string): readonly Write[] {
  return writes.map((write) =>
    write.verb === "cas" && write.key.includes(part) ? { verb: "set", key: write.key, value: write.value } : write,
  );
}

function wrap(change: (writes: readonly Write[]) => readonly Write[]): (kv: SharedKv) => SharedKv {
  return (kv) => ({
    list: (prefix, options) => kv.list(prefix, options),
    get: (key) => kv.get(key),
    txn: (writes) => kv.txn(change(writes)),
  });
}

/** Whoever writes about blocks takes them all. */
function steal(writes: readonly Write[]): readonly Write[] {
  return writes.map((write) => {
    const slices = write.verb === "cas" && write.key.includes("/slices/") ? parseSlices(write.value) : undefined;
    if (slices === undefined || write.verb !== "cas") return write;
    const me = Object.keys(slices.seen)[0] ?? Object.values(slices.owners)[0] ?? "";
    const owners = Object.fromEntries(Object.keys(slices.owners).map((block) => [block, me]));
    return { ...write, value: JSON.stringify({ ...slices, owners }) };
  });
}

function forgetLog(disk: Disk): Disk {
  return changedDisk(disk, {
    read: (path) => (path.includes("leases.") ? Promise.resolve(undefined) : disk.read(path)),
  });
}

const MISTAKES: Readonly<Record<string, Mistakes>> = {
  "writes that do not compare": { wrapKv: wrap((writes) => blindly(blindly(writes, "/slices/"), "/leases/")) },
  "blocks taken from their owners": { wrapKv: wrap(steal) },
  "promises beyond what others wait for": { times: { ...TIMES, leadMs: 60_000, slackMs: -60_000 } },
  "a log that forgets": { wrapDisk: forgetLog },
};
const SEEDS = 40;

for (const [name, mistakes] of Object.entries(MISTAKES))
  test(`found: ${name}`, async (t) => {
    let failure: string | undefined;
    for (let seed = 1; seed <= SEEDS && failure === undefined; seed++)
      failure = (await runSeed(dhcpWith(mistakes), { seed, turn })).failure;
    t.regex(failure ?? "", /one holder per address/);
  });
