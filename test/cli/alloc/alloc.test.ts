import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { lares, startCluster } from "../cluster.ts";

const WEB = (version: string): string => `job "web" {
  group "site" {
    count = 1
    update {
      canary           = 1
      min_healthy_time = "0s"
    }
    task "serve" {
      driver = "mock_driver"
      config { run_for = "1h" }
      env { VERSION = "${version}" }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`;

test("a new version waits for its promotion; deployments are listed, shown, paused, resumed and promoted", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "web.nomad.hcl");
  await writeFile(file, WEB("1"));
  t.is((await say("job", "run", file)).code, 0);
  await writeFile(file, WEB("2"));
  const updated = await say("job", "run", file);
  t.regex(updated.out, /Canaries are healthy/, updated.out + updated.err);
  const listed = await say("deployment", "list");
  t.regex(listed.out, /ID +Job ID +Job Version +Status +Description\n/);
  const id = /\n(\w{8}) +web +1 +running/.exec(listed.out)?.[1] ?? "";
  const shown = await say("deployment", "status", id);
  t.regex(shown.out, /Job ID += web\nJob Version += 1\nStatus += running/);
  t.regex(shown.out, /Task Group +Promoted +Desired +Canaries/);
  t.regex((await say("deployment", "pause", id)).out, /Deployment "\w{8}" paused/);
  t.regex((await say("deployment", "status", id)).out, /Status += paused/);
  t.regex((await say("deployment", "resume", "-detach", id)).out, /Deployment "\w{8}" resumed/);
  const promoted = await say("job", "promote", "-group=site", "web");
  t.is(promoted.code, 0, promoted.out + promoted.err);
  t.regex(promoted.out, /Deployment "\w{8}" promoted\n==> Monitoring evaluation/);
  const followed = await say("deployment", "status", "-monitor", id);
  t.regex(followed.out, /successful/, followed.out + followed.err);
  t.regex((await say("job", "deployments", "web")).out, /web +1 +successful/);
  const running = JSON.parse((await say("job", "allocs", "-json", "web")).out).find(
    (one: { ClientStatus: string }) => one.ClientStatus === "running",
  );
  t.regex((await say("alloc", "status", running.ID)).out, /Job Version += 1\n/);
  t.regex((await say("node", "status", running.NodeID)).out, new RegExp(`${running.ID.slice(0, 8)} +web +site +1 `));
  t.regex((await say("server", "members", "-verbose")).out, /Tags\n.*,role=nomad/s);
  const [latest] = JSON.parse((await say("job", "deployments", "-latest", "-json", "web")).out);
  t.is(latest.JobVersion, 1);
  const ended = await say("deployment", "fail", id);
  t.is(ended.code, 1);
  t.regex(ended.err, /terminal|cannot|can't/i);
});

test("an allocation is shown briefly, in full and in JSON; its files, signals and evaluations are at hand", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "web.nomad.hcl");
  await writeFile(file, WEB("1"));
  t.is((await say("job", "run", file)).code, 0);
  const allocs = await say("job", "allocs", "-verbose", "web");
  const id = /\n([0-9a-f-]{36}) /.exec(allocs.out)?.[1] ?? "";
  t.regex(allocs.out, /ID +Eval ID +Node ID +Node Name +Task Group +Version +Desired +Status/);
  t.regex(
    (await say("alloc", "status", "-short", id)).out,
    /Tasks\nName +State +Last Event +Time\nserve +running +Started/,
  );
  const full = await say("alloc", "status", "-verbose", id);
  t.regex(full.out, /Placement Metrics\n/);
  t.regex(full.out, /final score/);
  t.is(JSON.parse((await say("alloc", "status", "-json", id)).out).ID, id);
  t.regex((await say("alloc", "fs", id)).out, /drwx\S+ .* alloc\/\n/);
  t.regex((await say("alloc", "fs", "-stat", id, "alloc/logs")).out, /^Mode +Size +Modified Time +Name\ndrwx/);
  t.is((await say("alloc", "fs", id, "serve/secrets/x")).code, 1);
  t.like(await say("alloc", "fs", "-n=x", id, "alloc/logs/serve.stdout.0"), { code: 2 });
  t.is((await say("alloc", "signal", "-s=SIGHUP", id, "serve")).code, 0);
  t.regex((await say("alloc", "signal", id, "nobody")).err, /has no task "nobody"; it has: serve/);
  const evals = await say("eval", "list", "-job=web", "-verbose");
  t.regex(evals.out, /job-register +web +default +<none> +complete +false/);
  const evalId = /\n([0-9a-f-]{36}) /.exec(evals.out)?.[1] ?? "";
  t.regex((await say("eval", "status", "-verbose", evalId)).out, /TriggeredBy += job-register/);
  t.regex((await say("eval", "list", '-filter=Status == "failed"')).out, /No evals found/);
  t.is((await say("job", "stop", "web")).code, 0);
  t.is((await say("job", "start", "web")).code, 0);
  t.regex((await say("job", "status", "web")).out, /Status += running/);
  t.regex((await say("job", "start", "web")).err, /is not stopped/);
});

test("an example job and its short form are valid jobs, and never overwrite", async (t) => {
  const { environment, folder } = await startCluster(t);
  for (const flags of [[], ["-short"]]) {
    const file = join(folder, `example${flags.length}.nomad.hcl`);
    t.regex((await lares(environment, ["job", "init", ...flags, file])).out, /Example job file written/);
    t.like(await lares(environment, ["job", "validate", file]), { code: 0 });
    t.regex((await lares(environment, ["job", "init", file])).err, /is there already/);
  }
});
