import test from "ava";
import fc from "fast-check";
import { freePort } from "#test/free-ports.ts";
import { utf8 } from "#base/env/bytes.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { catalogChecks, catalogNodes } from "#base/state/tables.ts";
import { Prng } from "#sim/prng.ts";
import { EventLog, eventIndex } from "#daemons/discovery/events/event-log.ts";
import { planMembers, type CataloguedNode } from "#daemons/discovery/membership/plan-members.ts";
import type { SerfMember } from "#daemons/discovery/serf/core/member.ts";
import { call, startNode } from "../node.ts";
import { startSerf } from "../serf/live.ts";
import { startRealSerf, until } from "../serf/real-serf.ts";

const name = fc.constantFrom("own", "a", "b", "c", "d");
const member: fc.Arbitrary<SerfMember> = fc.record({
  name,
  address: fc.constant(new Uint8Array(4)),
  host: fc.constantFrom("10.0.0.1", "10.0.0.2"),
  port: fc.constant(8301),
  tags: fc.constantFrom({}, { id: "x" }),
  status: fc.constantFrom("alive", "leaving", "left", "failed"),
  versions: fc.constant(new Uint8Array(6)),
});
const node: fc.Arbitrary<CataloguedNode> = fc.record({
  name,
  address: fc.constantFrom("10.0.0.1", "10.0.0.2"),
  id: fc.constantFrom("", "x"),
  health: fc.constantFrom("passing", "warning", "critical"),
});
const byName = { selector: (each: { readonly name: string }) => each.name };

test("a plan makes the catalog say what gossip says, and then there is nothing to do", (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(member, byName), fc.uniqueArray(node, byName), fc.boolean(), (members, nodes, old) => {
      const options = { own: "own", isForgotten: () => old };
      const catalog = new Map(nodes.map((each) => [each.name, each]));
      for (const step of planMembers(members, nodes, options)) {
        if (step.kind === "deregister") catalog.delete(step.node);
        else catalog.set(step.node.name, { ...step.node, health: step.alive ? "passing" : "critical" });
      }
      t.deepEqual(planMembers(members, [...catalog.values()], options), []);
      t.deepEqual(
        catalog.get("own"),
        nodes.find((each) => each.name === "own"),
      );
      for (const { name: of, status, host } of members.filter((each) => each.name !== "own")) {
        const found = catalog.get(of);
        if (status === "left") t.is(found, undefined);
        else t.deepEqual([found?.address, found?.health], [host, status === "failed" ? "critical" : "passing"]);
      }
    }),
  );
});

test("events without gossip: kept, limited, filtered, indexed by the halves of their id", (t) => {
  const services = [{ name: "web", tags: ["v1", "canary"] }];
  const log = new EventLog(new Prng(1), { nodeName: "node-a", services: () => services });
  const fire = (more: object) =>
    log.fire({ Name: "x", Payload: new Uint8Array(), NodeFilter: "", ServiceFilter: "", TagFilter: "", ...more });
  let changes = 0;
  const end = log.onChange(() => (changes += 1));
  t.true(fire({}).ok);
  fire({ Name: "y", NodeFilter: "^node-b$" });
  fire({ Name: "z", ServiceFilter: "we", TagFilter: "can.ry" });
  fire({ Name: "z", ServiceFilter: "we", TagFilter: "v2" });
  t.deepEqual(
    log.list().map((event) => event.Name),
    ["x", "z"],
  );
  t.is(log.list("z").length, 1);
  t.is(changes, 2);
  end();
  for (const [more, code] of [
    [{ NodeFilter: "(" }, "EVENT_FILTER"],
    [{ TagFilter: "v1" }, "EVENT_FILTER"],
    [{ Payload: new Uint8Array(600) }, "EVENT_SIZE"],
  ] as const) {
    const fired = fire(more);
    t.is(fired.ok ? "" : fired.error.code, code);
  }
  for (let i = 0; i < 300; i++) fire({});
  t.is(log.list().length, 256);
  t.is(eventIndex("5867fbd6-9a89-4c94-be25-973c1c9d04d0"), (0x5867fbd69a894c94n ^ 0xbe25973c1c9d04d0n).toString());
});

test("an agent alone: members of the catalog, events, and what needs gossip says so", async (t) => {
  const alone = await startNode(t);
  const { json } = await call(`${alone.url}/v1/agent/members`, "GET");
  t.like(json, [{ Name: "node-a", Status: 1 }]);
  t.is((await call(`${alone.url}/v1/event/fire/deploy`, "PUT", "v1")).status, 200);
  t.like((await call(`${alone.url}/v1/event/list?name=deploy`, "GET")).json, [{ Name: "deploy", Payload: "djE=" }]);
  for (const path of ["/v1/agent/join/10.0.0.1", "/v1/agent/force-leave/x"]) {
    const { status, text } = await call(`${alone.url}${path}`, "PUT");
    t.is(status, 501);
    t.regex(text, /gossip/);
  }
  t.is((await call(`${alone.url}/v1/operator/keyring`, "GET")).status, 501);
});

test("members of gossip in the API and in the catalog: joined, failed, left", async (t) => {
  const ours = await startSerf(t, "node-a", { tags: { role: "consul", dc: "dc1" } });
  const agent = await startNode(
    t,
    {},
    { surroundings: { gossip: { serf: ours.serf, leave: () => Promise.resolve() } } },
  );
  agent.discovery.follow(ours.serf, { forgetAfterMs: 3_600_000 });
  const health = (): string | undefined =>
    agent.view.table(catalogChecks).get(GLOBAL, "theirs/serfHealth")?.value.Status;
  const place = { name: "theirs", port: await freePort() };
  const theirs = await startRealSerf(t, place, ["-tag", "id=7", `-join=${ours.place}`]);
  await until(() => health() === "passing", "it is in the catalog");
  t.like(agent.view.table(catalogNodes).get(GLOBAL, "theirs")?.value, { ID: "7", Address: "127.0.0.1" });
  const { json } = await call(`${agent.url}/v1/agent/members`, "GET");
  t.like(
    json.find((each: { Name: string }) => each.Name === "theirs"),
    { Name: "theirs", Status: 1, Tags: { id: "7" }, Port: place.port },
  );
  t.like((await call(`${agent.url}/v1/agent/members?wan=1`, "GET")).json, [{ Name: "node-a.dc1" }]);
  const fired = await call(`${agent.url}/v1/event/fire/deploy`, "PUT", "v1");
  t.like(fired.json, { Name: "deploy", Version: 1 });
  t.like((await call(`${agent.url}/v1/event/list`, "GET")).json, [{ Name: "deploy", LTime: 1 }]);
  await until(async () => {
    const nodes = await call(`${agent.url}/v1/coordinate/node/theirs`, "GET");
    return nodes.text.includes("Vec");
  }, "its coordinate is measured");

  await theirs.kill();
  await until(() => health() === "critical", "it failed");
  t.is((await call(`${agent.url}/v1/agent/force-leave/nobody`, "PUT")).status, 500);
  t.is((await call(`${agent.url}/v1/agent/force-leave/theirs?prune`, "PUT")).status, 200);
  await until(() => agent.view.table(catalogNodes).get(GLOBAL, "theirs") === undefined, "it went from the catalog");
  const other = await startSerf(t, "other");
  t.is((await call(`${agent.url}/v1/agent/join/${other.place}`, "PUT")).status, 200);
  await until(() => agent.view.table(catalogNodes).get(GLOBAL, "other") !== undefined, "the other is there");
  ours.serf.fire({ name: "consul:event:bad", payload: utf8("no event") });
  await other.serf.leave();
  await until(() => agent.view.table(catalogNodes).get(GLOBAL, "other") === undefined, "the other left");
  t.is((await call(`${agent.url}/v1/event/list`, "GET")).status, 200);
});
