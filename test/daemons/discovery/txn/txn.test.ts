import test from "ava";
import fc from "fast-check";
import { call, startNode } from "../node.ts";

const weights = { Passing: 1, Warning: 1 };

test("nodes, services and checks are written together, or not at all", async (t) => {
  const { url } = await startNode(t);
  const txn = (...operations: object[]) => call(`${url}/v1/txn`, "PUT", operations);
  const good = await txn(
    { Node: { Verb: "set", Node: { Node: "printer", Address: "10.0.0.9", Meta: { floor: "2" } } } },
    { Service: { Verb: "set", Node: "printer", Service: { ID: "ipp", Service: "ipp", Port: 631, Weights: weights } } },
    { Check: { Verb: "set", Check: { Node: "printer", CheckID: "ink", ServiceID: "ipp", Status: "warning" } } },
    { KV: { Verb: "set", Key: "printers/1", Value: "" } },
    { Service: { Verb: "get", Node: "printer", Service: { ID: "ipp" } } },
  );
  t.is(good.status, 200, good.text);
  t.deepEqual(
    good.json.Results.map((result: object) => Object.keys(result)[0]),
    ["Node", "Service", "Check", "KV", "Service"],
  );
  t.like(good.json.Results[4].Service, { ID: "ipp", Port: 631 });
  const [node, , check] = good.json.Results;
  t.is(node.Node.ModifyIndex, check.Check.ModifyIndex);
  const health = await call(`${url}/v1/health/service/ipp`);
  t.like(health.json[0].Checks[0], { CheckID: "ink", ServiceName: "ipp", Status: "warning" });

  const stale = { Node: "printer", Address: "10.0.0.10", ModifyIndex: 1 };
  const bad = await txn(
    { KV: { Verb: "delete", Key: "printers/1" } },
    { Node: { Verb: "cas", Node: stale } },
    { Check: { Verb: "delete-cas", Check: { Node: "printer", CheckID: "none", ModifyIndex: 4 } } },
  );
  t.is(bad.status, 409);
  t.deepEqual(
    bad.json.Errors.map((error: { OpIndex: number }) => error.OpIndex),
    [1, 2],
  );
  t.is((await call(`${url}/v1/kv/printers/1`)).status, 200);
  t.is((await txn({ Node: { Verb: "cas", Node: { ...stale, ModifyIndex: node.Node.ModifyIndex } } })).status, 200);
  t.is((await txn({ Service: { Verb: "set", Node: "nobody", Service: { Service: "x" } } })).status, 409);
  t.is((await txn({ Service: { Verb: "set", Node: "printer", Service: {} } })).status, 400);
  t.is((await txn({})).status, 400);
  t.is((await txn({ Node: { Verb: "delete", Node: { Node: "printer" } } })).status, 200);
  t.deepEqual((await call(`${url}/v1/health/node/printer`)).json, []);
  t.deepEqual((await call(`${url}/v1/catalog/service/ipp`)).json, []);
});

test("a session ends with its node, even where nobody looked when that went", async (t) => {
  const { url } = await startNode(t);
  const node = (Verb: string) => ({ Node: { Verb, Node: { Node: "away", Address: "10.0.0.1" } } });
  await call(`${url}/v1/txn`, "PUT", [node("set")]);
  const session = { Node: "away", NodeChecks: [], LockDelay: "0s" };
  const { ID } = (await call(`${url}/v1/session/create`, "PUT", session)).json;
  t.true((await call(`${url}/v1/kv/lock?acquire=${ID}`, "PUT", "x")).json);
  const { headers } = await call(`${url}/v1/session/info/${ID}`);
  await call(`${url}/v1/txn`, "PUT", [node("delete")]);
  const gone = await call(`${url}/v1/session/info/${ID}?index=${headers.get("x-consul-index")}&wait=10s`);
  t.deepEqual(gone.json, []);
  t.is((await call(`${url}/v1/kv/lock`)).json[0].Session, undefined);
});

test("no body of a transaction breaks the server", async (t) => {
  const { url } = await startNode(t);
  const anything = fc.array(
    fc.dictionary(fc.constantFrom("KV", "Node", "Service", "Check", "Other"), fc.anything({ maxDepth: 3 })),
    { maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(anything, async (operations) => {
      const body = JSON.stringify(operations, (_key, value: unknown) =>
        typeof value === "bigint" ? String(value) : value,
      );
      const { status } = await call(`${url}/v1/txn`, "PUT", body);
      t.true(status < 500, `${status} for ${body}`);
    }),
    { numRuns: 60 },
  );
});
