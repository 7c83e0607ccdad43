import test from "ava";
import { api, sent } from "../api.ts";

test("a periodic job shows its next launch, and is launched by hand", async (t) => {
  const { get, put, cluster } = await api(t);
  const periodic = sent({
    ID: "backup",
    Name: "backup",
    Type: "batch",
    Periodic: { Enabled: true, Spec: "0 3 * * *", SpecType: "cron" },
  });
  t.regex((await put("/v1/job/backup/plan", periodic)).json.NextPeriodicLaunch, /^20\d\d-.*T03:00:00Z$/);
  t.is((await put("/v1/jobs", periodic)).json.EvalID, "");
  t.truthy((await put("/v1/job/backup/periodic/force", {})).json.EvalID);
  await cluster.settled();
  const [parent, child] = (await get("/v1/jobs")).json;
  t.like(parent, { Periodic: true, Status: "running", JobSummary: { Children: { Pending: 0, Running: 1, Dead: 0 } } });
  t.is(child.ParentID, "backup");
  await put("/v1/jobs", sent());
  t.is((await put("/v1/job/app/periodic/force", {})).status, 400);
});

test("a parameterized job is dispatched, within its own rules", async (t) => {
  const { get, put, cluster } = await api(t);
  const ParameterizedJob = { Payload: "optional", MetaRequired: ["who"], MetaOptional: ["why"] };
  await put("/v1/jobs", sent({ ID: "mail", Name: "mail", Type: "batch", Meta: { from: "us" }, ParameterizedJob }));
  const done = await put("/v1/job/mail/dispatch?idempotency_token=one", { Payload: "aGk=", Meta: { who: "you" } });
  t.regex(done.json.DispatchedJobID, /^mail\/dispatch-\d+-[0-9a-f]{8}$/);
  await cluster.settled();
  const child = (await get(`/v1/job/${done.json.DispatchedJobID}`)).json;
  t.like(child, {
    ParentID: "mail",
    Dispatched: true,
    Payload: "aGk=",
    Meta: { from: "us", who: "you" },
    Status: "running",
  });
  const payloadOf = (id: string) => get(`/v1/job/${encodeURIComponent(id)}/dispatch/payload`);
  t.is((await payloadOf(done.json.DispatchedJobID)).json.Payload, "aGk=");
  t.is((await payloadOf("mail")).status, 400);
  t.is((await payloadOf("none")).status, 404);
  const raw = await put("/v1/job/mail/dispatch/payload", "anything at all");
  t.regex(raw.text, /required meta keys: who/, "the body is the payload, whatever it is");
  await put("/v1/jobs", sent({ ID: "plain", Name: "plain", Type: "batch", ParameterizedJob: {} }));
  const whole = (await put("/v1/job/plain/dispatch/payload", "anything at all")).json.DispatchedJobID;
  t.is(Buffer.from((await payloadOf(whole)).json.Payload, "base64").toString(), "anything at all");
  const again = await put("/v1/job/mail/dispatch?IdempotencyToken=one", { Meta: { who: "you" } });
  t.is(again.json.DispatchedJobID, done.json.DispatchedJobID);
  for (const [body, text] of [
    [{}, /required meta keys: who/],
    [{ Meta: { who: "x", how: "y" } }, /unpermitted metadata keys: how/],
    [{ Meta: { who: "x" }, Payload: Buffer.alloc(20_000).toString("base64") }, /exceeds maximum size/],
  ] as const) {
    const refused = await put("/v1/job/mail/dispatch", body);
    t.is(refused.status, 400);
    t.regex(refused.text, text);
  }
  await put("/v1/jobs", sent());
  t.regex((await put("/v1/job/app/dispatch", {})).text, /not parameterized/);
});
