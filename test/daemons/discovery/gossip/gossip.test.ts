import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import { utf8 } from "#base/env/bytes.ts";
import type { Gossip } from "#daemons/discovery/gossip/gossip.ts";
import { Keyring } from "#daemons/discovery/gossip/security/keyring.ts";
import { Prng } from "#sim/prng.ts";
import { SimNode } from "#sim/gossip/sim-node.ts";
import { lanPreset } from "#daemons/discovery/gossip/presets.ts";
import { startGoPeer, type GoPeer } from "./go-peer.ts";
import { startOurNode, type OurNode } from "./our-node.ts";

const DEADLINE_MS = 60_000;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await pause(20);
  }
}

function ringOf(key: Uint8Array): Keyring {
  const ring = Keyring.create(key);
  if (!ring.ok) throw new Error(ring.error.message);
  return ring.value;
}

const namesOf = (gossip: Gossip): string =>
  gossip
    .members()
    .filter((member) => member.state === "alive")
    .map((member) => member.name)
    .sort()
    .join(" ");

test("a node that stood still itself asks nobody for an answer in no time", (t) => {
  const of = (machine: number): SimNode =>
    new SimNode({
      machine,
      name: `node-${machine}`,
      settings: lanPreset,
      random: new Prng(machine),
      onEvent: () => {},
    });
  /** How long it waits for answers over a stream, with its one pause at this step. */
  const waits = (pausedAt: number, pauseMs: number): readonly number[] => {
    const [one, other] = [of(1), of(2)];
    one.step({ kind: "start", known: [one.remembered(), other.remembered()] }, 0);
    let nowMs = 0;
    return Array.from({ length: 60 }, (_, step) => {
      nowMs += step === pausedAt ? pauseMs : 50;
      const outputs = one.step({ kind: "due" }, nowMs);
      return outputs.flatMap((output) => (output.kind === "call" ? [output.timeoutMs] : []));
    }).flat();
  };
  t.true(waits(0, 50).length > 0, "a member that says nothing is asked over a stream");
  for (let step = 0; step < 60; step++)
    t.true(
      waits(step, 2000).every((ms) => ms > 0),
      `step ${step}`,
    );
});

async function goNames(peer: GoPeer): Promise<string> {
  const { members = {} } = await peer.tell("members");
  return Object.keys(members).sort().join(" ");
}

test("two nodes of memberlist and two of ours are one cluster: encrypted, labelled, compressed", async (t) => {
  t.timeout(240_000);
  const [first, second] = [randomBytes(32), randomBytes(16)];
  const goArgs = ["-label", "house", "-compress", "-key", first.toString("base64")];
  const go1 = await startGoPeer(["-name", "go1", "-bind", "127.0.0.2", "-meta", "meta-go1", ...goArgs]);
  const go2 = await startGoPeer(["-name", "go2", "-bind", "127.0.0.3", ...goArgs]);
  t.teardown(() => Promise.all([go1.stop(), go2.stop()]));
  const own = (name: string, host: string): Promise<OurNode> =>
    startOurNode(name, { bind: { host, port: 0 }, keyring: ringOf(first), label: "house", meta: `meta-${name}` });
  const [we1, we2] = [await own("we1", "127.0.0.4"), await own("we2", "127.0.0.5")];
  t.teardown(() => Promise.all([we1.gossip.stop(), we2.gossip.stop()]));

  // Ours join Go's, Go's joins ours.
  t.deepEqual(await we1.gossip.join([{ host: "127.0.0.2", port: go1.port }]), { joined: 1, failures: [] });
  t.deepEqual(await we2.gossip.join([{ host: "127.0.0.4", port: we1.gossip.address.port }]), {
    joined: 1,
    failures: [],
  });
  await go2.tell(`join 127.0.0.5:${we2.gossip.address.port}`);
  const everybody = "go1 go2 we1 we2";
  for (const node of [we1, we2]) await until("all are members for us", () => namesOf(node.gossip) === everybody);
  for (const peer of [go1, go2]) await until("all are members for Go", async () => (await goNames(peer)) === everybody);
  t.deepEqual((await go2.tell("members")).members, { go1: "meta-go1", go2: "", we1: "meta-we1", we2: "meta-we2" });
  t.is(we2.gossip.member("go1")?.meta.toString(), utf8("meta-go1").toString());
  await until("state was exchanged", () => we1.events.includes("joined state of go1"));
  await until("Go had ours, too", () =>
    go1.events.some((event) => event.kind === "state" && event.text === "state of we1"),
  );

  await exchangeMessages(go1, we1);
  await update(go1, we2);
  await rotate([go1, go2], [we1, we2], { from: first, to: second });

  // One of each fails, without a word.
  go2.kill();
  await we2.gossip.stop();
  await until("Go's death is noticed", () => we1.events.includes("leave go2 dead"));
  await until("our death is noticed", () => we1.events.includes("leave we2 dead"));
  await until("Go noticed both", async () => (await goNames(go1)) === "go1 we1");

  // The rest leave by their own will.
  await go1.tell("leave");
  await until("Go left", () => we1.events.includes("leave go1 left"));
  t.deepEqual(await we1.gossip.leave(5000), { ok: true, value: undefined });
  // A stream may break off with the program at its other end, and a packet be under way with the old key.
  const unexpected = Object.keys(we1.gossip.stats().dropped).filter(
    (why) => !why.includes("stream") && !why.includes("ECONN") && why !== "cannot be decrypted",
  );
  t.deepEqual(unexpected, []);
});

async function exchangeMessages(go: GoPeer, we: OurNode): Promise<void> {
  const text = "x".repeat(2000);
  await go.tell("send we1 by-datagram");
  await go.tell(`reliable we1 ${text}`);
  await go.tell("broadcast to-everybody");
  for (const wanted of ["by-datagram", text, "to-everybody"])
    await until(`we got ${wanted.slice(0, 20)}`, () => we.events.includes(`message ${wanted}`));
  we.gossip.sendBestEffort("go1", utf8("our-datagram"));
  const sent = await we.gossip.sendReliable("go1", utf8(text));
  if (!sent.ok) throw new Error(sent.error.message);
  we.outgoing.push(utf8("our-broadcast"));
  we.gossip.kick();
  for (const wanted of ["our-datagram", text])
    await until(`Go got ${wanted.slice(0, 20)}`, () => go.events.some((event) => event.text === wanted));
  await until("probes carry payloads to us", () => we.events.includes("ping go1 payload of go1"));
  await until("probes carry payloads to Go", () => go.events.some((event) => event.payload === "payload of we1"));
  const pong = await we.gossip.ping("go1");
  if (!pong.ok) throw new Error(pong.error.message);
}

async function update(go: GoPeer, we: OurNode): Promise<void> {
  await go.tell("update new-go1");
  await until(
    "we see Go's new metadata",
    () => we.gossip.member("go1")?.meta.toString() === utf8("new-go1").toString(),
  );
  we.meta = "new-we2";
  const updated = await we.gossip.updateNode(10_000);
  if (!updated.ok) throw new Error(updated.error.message);
  await until("Go sees our new metadata", async () => (await go.tell("members")).members?.["we2"] === "new-we2");
}

/** Install everywhere, use everywhere, remove everywhere: nobody is lost on the way. */
async function rotate(
  go: readonly GoPeer[],
  we: readonly OurNode[],
  { from, to }: { from: Uint8Array; to: Uint8Array },
): Promise<void> {
  const [old, fresh] = [Buffer.from(from).toString("base64"), Buffer.from(to).toString("base64")];
  for (const peer of go) await peer.tell(`install ${fresh}`);
  for (const { gossip } of we) gossip.keyring?.install(to);
  for (const peer of go) await peer.tell(`use ${fresh}`);
  for (const { gossip } of we) gossip.keyring?.use(to);
  for (const peer of go) await peer.tell(`remove ${old}`);
  for (const { gossip } of we) {
    const removed = gossip.keyring?.remove(from);
    if (removed?.ok !== true) throw new Error("the old key could not be removed");
  }
  // Word by word through the new key.
  const [peer] = go;
  const [node] = we;
  await peer?.tell("send we1 after-rotation");
  await until("the new key opens", () => node?.events.includes("message after-rotation") === true);
  node?.gossip.sendBestEffort("go1", utf8("our-rotation"));
  await until("Go opens the new key", () => peer?.events.some((event) => event.text === "our-rotation") === true);
}
