import test from "ava";
import fc from "fast-check";
import { judgeScale } from "#daemons/scheduler/server/scaling/judge-scale.ts";
import { MAX_SCALING_EVENTS } from "#daemons/scheduler/server/scaling/scaling-events.ts";
import { api, sent } from "../../http/api.ts";
import { makeJob } from "../cluster.ts";

/** Without rolling updates there are no deployments. */
const Update = { MaxParallel: 0 };
const Scaling = { Min: 1, Max: 5, Policy: { cooldown: "1m" } };

test("the policies of jobs are listed and read, until the job stops", async (t) => {
  const { get, put, delete: remove } = await api(t);
  await put("/v1/jobs", sent({}, { Scaling }));
  await put("/v1/jobs", sent({ ID: "other", Name: "other" }));
  await put("/v1/namespace", { Name: "prod" });
  await put(
    "/v1/jobs?namespace=prod",
    sent({ ID: "third", Name: "third" }, { Scaling: { ...Scaling, Enabled: false } }),
  );
  const listed = await get("/v1/scaling/policies");
  const [stub] = listed.json;
  t.is(listed.json.length, 1);
  t.like(stub, {
    Enabled: true,
    Type: "horizontal",
    Target: { Namespace: "default", Job: "app", Group: "web" },
  });
  t.regex(stub.ID, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const read = await get(`/v1/scaling/policy/${stub.ID}`);
  t.like(read.json, { ...stub, Min: 1, Max: 5, Policy: { cooldown: "1m" } });
  t.is(read.headers["x-nomad-index"], String(stub.ModifyIndex));
  t.is((await get("/v1/scaling/policies?namespace=*")).json.length, 2);
  t.is((await get("/v1/scaling/policies?job=none")).json.length, 0);
  t.is((await get("/v1/scaling/policies?type=vertical")).json.length, 0);
  t.is((await get("/v1/scaling/policies?type=horizontal&job=app")).json.length, 1);
  t.like(await get("/v1/scaling/policy/none"), { status: 404, text: "policy not found" });
  await put("/v1/jobs", sent({ Priority: 60 }, { Scaling }));
  t.is((await get("/v1/scaling/policies")).json[0].ID, stub.ID);
  await remove("/v1/job/app");
  t.is((await get("/v1/scaling/policies")).json.length, 0);
});

test("a scaled group keeps who asked, why, and what was refused", async (t) => {
  const { get, put, cluster } = await api(t);
  await put("/v1/jobs", sent({}, { Scaling, Update }));
  const Target = { Group: "web" };
  const done = await put("/v1/job/app/scale", { Count: 3, Target, Message: "busy", Meta: { load: 0.9 } });
  t.is(done.status, 200, done.text);
  await cluster.settled();
  const said = await put("/v1/job/app/scale", { Target, Message: "no metrics", Error: true });
  t.like(said.json, { EvalID: "", EvalCreateIndex: 0, JobModifyIndex: done.json.JobModifyIndex });
  for (const [Count, text] of [
    [0, "group count was less than scaling policy minimum: 0 < 1"],
    [6, "group count was greater than scaling policy maximum: 6 > 5"],
  ] as const) {
    t.like(await put("/v1/job/app/scale", { Count, Target, Message: "more" }), { status: 400, text });
  }
  const status = (await get("/v1/job/app/scale")).json;
  t.like(status, { JobID: "app", Namespace: "default", JobStopped: false });
  const { Events, Desired } = status.TaskGroups.web;
  t.is(Desired, 3);
  t.like(Events[0], {
    Error: true,
    Count: null,
    PreviousCount: 3,
    Meta: { OriginalCount: 6, OriginalMessage: "more" },
  });
  t.like(Events[2], { Error: true, Count: null, Message: "no metrics", EvalID: null });
  t.like(Events[3], { Error: false, Count: 3, PreviousCount: 1, Message: "busy", Meta: { load: 0.9 } });
  t.is(Events[3].EvalID, done.json.EvalID);
  t.is(cluster.state.job("default", "app")?.value.Version, 1);
  for (let i = 0; i < MAX_SCALING_EVENTS; i++) await put("/v1/job/app/scale", { Target, Message: `${i}` });
  t.is((await get("/v1/job/app/scale")).json.TaskGroups.web.Events.length, MAX_SCALING_EVENTS);
});

test("what cannot be scaled says why", async (t) => {
  const { put, cluster } = await api(t);
  const Target = { Group: "web" };
  await put("/v1/jobs", sent());
  await cluster.settled();
  t.like(await put("/v1/job/app/scale", { Count: 2, Target }), {
    status: 400,
    text: "job scaling blocked due to active deployment",
  });
  await put("/v1/jobs", sent({ ID: "all", Name: "all", Type: "system" }));
  t.regex((await put("/v1/job/all/scale", { Count: 2, Target })).text, /cannot scale jobs of type "system"/);
  t.is((await put("/v1/job/none/scale", { Count: 2, Target })).status, 404);
  t.is((await put("/v1/job/app/scale", { Count: 2 })).status, 400);
  t.is((await put("/v1/job/app/scale", { Count: -2, Target })).status, 400);
  t.is((await put("/v1/job/app/scale", { Count: 2, Target, Error: true })).status, 400);
});

test("a count is never set outside of its policy's bounds", (t) => {
  const bound = fc.option(fc.integer({ min: 0, max: 10 }));
  fc.assert(
    fc.property(bound, bound, fc.integer({ min: 0, max: 20 }), (Min, Max, count) => {
      const job = makeJob({ groups: [{ Scaling: { Min, Max } }] });
      const judged = judgeScale(job, { group: "web", count, message: "", error: false, meta: {} }, false);
      const inside = (Min === null || count >= Min) && (Max === null || count <= Max);
      return judged.ok === inside && (!judged.ok || judged.value.TaskGroups[0]?.Count === count);
    }),
  );
  t.pass();
});
