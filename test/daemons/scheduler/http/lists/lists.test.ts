import test from "ava";
import { api, sent } from "../api.ts";

test("evaluations are counted, with a filter too", async (t) => {
  const { get, put, cluster } = await api(t);
  await put("/v1/jobs", sent());
  await put("/v1/jobs", sent({ ID: "batch", Name: "batch", Type: "batch" }));
  await cluster.settled();
  t.is((await get("/v1/evaluations/count")).json.Count, 2);
  t.is((await get(`/v1/evaluations/count?filter=${encodeURIComponent('Type == "batch"')}`)).json.Count, 1);
  t.is((await get("/v1/evaluations/count?namespace=other")).json.Count, 0);
  t.is((await get("/v1/evaluations/count?filter=%3D%3D")).status, 400);
});

test("evaluations are deleted by id and by filter, but only while the broker is paused", async (t) => {
  const { get, put, delete: remove, cluster } = await api(t);
  await put("/v1/jobs", sent());
  await put("/v1/jobs", sent({ ID: "batch", Name: "batch", Type: "batch" }));
  await cluster.settled();
  const EvalIDs = (await get("/v1/evaluations?job=app")).json.map((each: any) => each.ID);
  const running = await remove("/v1/evaluations", { EvalIDs });
  t.is(running.status, 400);
  t.regex(running.text, /^eval broker is enabled; eval broker must be paused to delete evals/);
  await put("/v1/operator/scheduler/configuration", { PauseEvalBroker: true });
  t.is((await remove("/v1/evaluations", {})).status, 400);
  t.is((await remove("/v1/evaluations", { EvalIDs, Filter: "x == y" })).status, 400);
  t.is((await remove("/v1/evaluations", { EvalIDs: ["none"] })).status, 404);
  t.is((await remove("/v1/evaluations", { EvalIDs: Array.from({ length: 8000 }, () => "x") })).status, 400);
  t.like((await remove("/v1/evaluations", { EvalIDs })).json, { Count: EvalIDs.length });
  t.like((await remove("/v1/evaluations", { Filter: 'JobID == "batch"' })).json, { Count: 1 });
  t.is((await get("/v1/evaluations/count")).json.Count, 0);
});

test("an evaluation names those that led to it and followed from it", async (t) => {
  const { get, put, cluster } = await api(t, []);
  const { EvalID } = (await put("/v1/jobs", sent())).json;
  await cluster.settled();
  const plain = (await get(`/v1/evaluation/${EvalID}`)).json;
  const { RelatedEvals } = (await get(`/v1/evaluation/${EvalID}?related=true`)).json;
  t.is(RelatedEvals.length, 1);
  t.like(RelatedEvals[0], { ID: plain.BlockedEval, Status: "blocked", PreviousEval: EvalID, JobID: "app" });
});

test("jobs with what a list draws of them", async (t) => {
  const { get, put, cluster } = await api(t);
  await put("/v1/jobs", sent({ Meta: { "pack.name": "p" } }, { Count: 2 }));
  await put("/v1/jobs", sent({ ID: "cron", Name: "cron", Type: "batch", Periodic: { Spec: "0 0 1 1 *" } }));
  await put("/v1/job/cron/periodic/force");
  await cluster.settled();
  const listed = await get("/v1/jobs/statuses");
  t.is(listed.json.length, 2);
  const app = listed.json.find((each: any) => each.ID === "app");
  t.like(app, { GroupCountSum: 2, Status: "running", IsPack: true, ChildStatuses: null, Version: 0 });
  t.is(app.Allocs.length, 2);
  t.like(app.Allocs[0], { Group: "web", ClientStatus: "pending", DeploymentStatus: { Healthy: null } });
  t.like(app.LatestDeployment, { IsActive: true, Status: "running", RequiresPromotion: false });
  t.deepEqual(listed.json.find((each: any) => each.ID === "cron").ChildStatuses.length, 1);
  t.is((await get("/v1/jobs/statuses?include_children=true")).json.length, 3);
  const page = await get("/v1/jobs/statuses?per_page=1&reverse=true");
  const rest = await get(`/v1/jobs/statuses?reverse=true&next_token=${page.headers["x-nomad-nexttoken"]}`);
  t.true(page.json[0].ModifyIndex >= rest.json[0].ModifyIndex);
  const some = await put("/v1/jobs/statuses", { Jobs: [{ id: "app", namespace: "default" }] });
  t.deepEqual(
    some.json.map((each: any) => each.ID),
    ["app"],
  );
  t.is((await put("/v1/jobs/statuses", { Jobs: [{ id: "cron" }], IncludeChildren: true })).json.length, 2);
});
