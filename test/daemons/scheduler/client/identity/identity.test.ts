import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import * as v from "valibot";
import { IdentitySchema } from "#base/protocol/identity.ts";
import { TaskSchema } from "#base/protocol/task.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { keepIdentities, placeIdentities, shownIdentities } from "#daemons/scheduler/client/alloc/task-identity.ts";
import { FakeClock } from "../../../../base/http/fake-clock.ts";
import { until } from "../../server/cluster.ts";

const identity = (fields: object) => v.parse(IdentitySchema, { Name: "default", ...fields });

async function taskOf(t: ExecutionContext, fields: object) {
  const taskDir = await mkdtemp(join(tmpdir(), "lares-identity-"));
  t.teardown(() => rm(taskDir, { recursive: true }));
  const clock = new FakeClock();
  const env = { ...createEnv({ logToStderr: false }), clock };
  await env.disk.makeDir(join(taskDir, "secrets"));
  const task = v.parse(TaskSchema, { Name: "main", Driver: "mock", ...fields });
  let round = 0;
  const servers = { away: false };
  const sign = ({ names }: { names: readonly string[] }) => {
    if (servers.away) return Promise.reject(new Error("no server can be reached"));
    round += 1;
    return Promise.resolve(names.map((name) => ({ name, token: `${name}-${round}`, expiresMs: 0 })));
  };
  const scope = { env, sign, nodeId: "n", allocId: "a", task, taskDir };
  return { scope, clock, env, task, servers, file: (name: string) => readFile(join(taskDir, name), "utf8") };
}

test("identities go where the job says: environment, secrets, a file of its own", async (t) => {
  const { scope, file } = await taskOf(t, {
    Identity: identity({ Env: true, File: true }),
    Identities: [
      identity({ Name: "aws", File: true }),
      identity({ Name: "vault", Env: true, File: true, Filepath: "local/../../../up.jwt" }),
      identity({ Name: "hidden" }),
    ],
  });
  const placed = await placeIdentities(scope);
  t.deepEqual(placed, { ok: true, value: { NOMAD_TOKEN: "default-1", NOMAD_TOKEN_vault: "vault-1" } });
  t.is(await file("secrets/nomad_token"), "default-1");
  t.is(await file("secrets/nomad_aws.jwt"), "aws-1");
  t.is(await file("up.jwt"), "vault-1", "never outside the task's folder");
});

test("a task that shows none asks for none; a role of this program always has its own", async (t) => {
  const { task } = await taskOf(t, {});
  t.deepEqual(shownIdentities(task), []);
  t.deepEqual(
    shownIdentities({ ...task, Driver: "lares" }).map(({ Name, Env }) => [Name, Env]),
    [["default", true]],
  );
});

test("without servers the start is tried again", async (t) => {
  const { scope, servers } = await taskOf(t, { Identity: identity({ Env: true }) });
  servers.away = true;
  const placed = await placeIdentities(scope);
  t.true(!placed.ok && placed.error.recoverable);
});

test("an identity that expires is renewed at half of its life, and the task told as it wants", async (t) => {
  const { scope, env, task, clock, file, servers } = await taskOf(t, {
    Identities: [
      identity({ Name: "aws", File: true, TTL: 3600e9, ChangeMode: "signal", ChangeSignal: "SIGHUP" }),
      identity({ Name: "gcp", File: true, TTL: 7200e9 }),
    ],
  });
  await placeIdentities(scope);
  const told: string[] = [];
  let over = false;
  const kept = keepIdentities(env, task, {
    isLate: false,
    scope: () => (over ? undefined : scope),
    restart: (reason) => told.push(reason),
    signal: (name) => told.push(name),
  });
  clock.advance(1799_000);
  t.deepEqual(told, []);
  clock.advance(2000);
  await until(() => told.length === 1);
  t.deepEqual(told, ["SIGHUP"]);
  t.is(await file("secrets/nomad_aws.jwt"), "aws-2");
  servers.away = true;
  await until(() => clock.pendingMs.length === 1);
  clock.advance(1800_000);
  await until(() => clock.pendingMs.some((ms) => ms <= 225_000));
  servers.away = false;
  clock.advance(225_000);
  await until(() => told.length === 2);
  over = true;
  await until(() => clock.pendingMs.length === 1);
  clock.advance(1800_000);
  t.deepEqual(
    [told.length, clock.pendingMs.length],
    [2, 1],
    "nothing is renewed while a task is over; it may begin again",
  );
  kept.stop();
  t.deepEqual(clock.pendingMs, []);
});

test("a restart of the task is asked for once, whatever else is told", async (t) => {
  const { scope, env, task, clock } = await taskOf(t, {
    Identities: [
      identity({ Name: "a", Env: true, TTL: 60e9, ChangeMode: "restart" }),
      identity({ Name: "b", File: true, TTL: 60e9, ChangeMode: "signal", ChangeSignal: "SIGHUP" }),
    ],
  });
  const told: string[] = [];
  const kept = keepIdentities(env, task, {
    isLate: true,
    scope: () => scope,
    restart: (reason) => told.push(reason),
    signal: (name) => told.push(name),
  });
  clock.advance(5000);
  await until(() => told.length > 0);
  t.deepEqual(told, ["Identity renewed"]);
  kept.stop();
});
