import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { freePorts } from "#test/free-ports.ts";
import { testAgent, until, type TestAgent } from "../agent.ts";
import { LabCluster, lares } from "../lab-cluster.ts";

let agent: TestAgent;
/** What the agent's alerts sent. */
const alerts: string[] = [];
const chat = createServer((asked, answer) => {
  let body = "";
  asked.on("data", (data: Buffer) => (body += data.toString()));
  asked.on("end", () => (alerts.push(body), answer.end("ok")));
});
const pack = new URL("../../../packs/ingress/ingress.nomad.hcl", import.meta.url).pathname;
const work = mkdtempSync(join(tmpdir(), "lares-scenario-"));

const SITE = `const port = Number(process.env.NOMAD_PORT_http);
require("node:http").createServer((request, response) => response.end("version " + process.env.VERSION)).listen(port, "127.0.0.1");`;

/** A site of four instances, each its own process, as an ordinary user would write it. */
function siteJob(version: number): string {
  const path = join(work, "site.nomad.hcl");
  writeFileSync(
    path,
    `job "site" {
  update {
    max_parallel     = 2
    min_healthy_time = "2s"
    healthy_deadline = "1m"
  }
  group "web" {
    count          = 4
    shutdown_delay = "5s"
    network {
      port "http" {}
    }
    service {
      name = "site"
      port = "http"
      tags = ["lares.host=site.test", "lares.bad.hots=oops"]
      check {
        type     = "http"
        path     = "/"
        interval = "1s"
        timeout  = "1s"
      }
    }
    task "server" {
      driver = "raw_exec"
      config {
        command = "${process.execPath}"
        args    = ["-e", ${JSON.stringify(SITE)}]
      }
      env {
        VERSION = "${version}"
      }
      resources {
        cpu    = 10
        memory = 32
      }
    }
  }
}
`,
  );
  return path;
}

const RunningSchema = v.array(v.object({ ClientStatus: v.string() }));

test.before(async (t) => {
  t.timeout(60_000);
  await new Promise<void>((resolve) => chat.listen(0, "127.0.0.1", resolve));
  const hook = `http://127.0.0.1:${Object(chat.address()).port}/hook`;
  agent = await testAgent({
    config: `discovery {
  alert "site" {
    checks = ["lares-ingress-routes:site:*"]
    on     = ["warning", "critical"]
    after  = "0s"
    slack  = "${hook}"
  }
}`,
  });
});

test.after.always(async () => {
  for (const job of ["site", "ingress"]) await agent.lares("job", "stop", "-purge", job);
  await until(
    "all tasks ended",
    async () =>
      v.parse(RunningSchema, await agent.get("/v1/allocations")).every((one) => one.ClientStatus !== "running"),
    30_000,
  ).catch(() => undefined);
  await agent.remove();
  chat.close();
  rmSync(work, { recursive: true, force: true });
});

interface Load {
  readonly seen: Map<string, number>;
  stop(): Promise<void>;
}

/** Requests without a pause over connections that are kept, and others that are not. */
function load(port: number): Load {
  const seen = new Map<string, number>();
  let stopped = false;
  const kept = new Agent({ keepAlive: true });
  const loop = async (keep: boolean): Promise<void> => {
    while (!stopped) {
      const said = await ask(port, keep ? kept : undefined);
      seen.set(said, (seen.get(said) ?? 0) + 1);
    }
  };
  const loops = Array.from({ length: 8 }, (_, at) => loop(at % 2 === 0));
  return {
    seen,
    stop: async () => {
      stopped = true;
      await Promise.all(loops);
      kept.destroy();
    },
  };
}

function ask(port: number, through: Agent | undefined, host = "127.0.0.1"): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(
      { host, port, path: "/", headers: { host: "site.test" }, agent: through ?? false },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (data: string) => (body += data));
        response.on("end", () => resolve(response.statusCode === 200 ? body : `${response.statusCode} ${body}`));
        response.on("error", (error) => resolve(error.message));
      },
    );
    asked.on("error", (error) => resolve(error.message));
    asked.end();
  });
}

test.serial(
  "four instances are replaced under load, and no request is lost; what is wrong reaches its owner",
  async (t) => {
    t.timeout(240_000);
    const [port = 0] = await freePorts(1);
    t.is((await agent.lares("job", "run", "-detach", "-var", `port=${port}`, pack)).code, 0);
    t.is((await agent.lares("job", "run", "-detach", siteJob(1))).code, 0);
    await until("the site is served", async () => (await ask(port, undefined)) === "version 1", 60_000);
    const ready = async (): Promise<boolean> => / 4\/4 /.test((await agent.lares("ingress", "routes")).stdout);
    await until("all four are ready", ready, 60_000);
    const running = load(port);
    t.teardown(() => running.stop());
    const ran = await agent.lares("job", "run", "-detach", siteJob(2));
    t.is(ran.code, 0, ran.stderr);
    const isNew = async (): Promise<boolean> => {
      const said = await Promise.all(Array.from({ length: 12 }, () => ask(port, undefined)));
      return said.every((one) => one === "version 2");
    };
    await until("all are new", isNew, 120_000);
    await running.stop();
    const count = (answer: string): number => running.seen.get(answer) ?? 0;
    const served = count("version 1") + count("version 2");
    const all = [...running.seen.values()].reduce((sum, each) => sum + each, 0);
    t.true(count("version 1") > 0 && count("version 2") > 0);
    if (all !== served) {
      const { stdout } = await agent.lares("alloc", "logs", "-job", "ingress");
      t.log(stdout.split("\n").filter((line) => line.startsWith("{") && !line.includes('"status":200')));
      t.log((await agent.lares("alloc", "logs", "-stderr", "-job", "ingress")).stdout);
    }
    t.is(all - served, 0, JSON.stringify([...running.seen]));

    const top = await agent.lares("ingress", "top", "-interval", "1");
    t.regex(top.stdout, /site\.test\/ +\d/, top.stderr);
    await until("the status names the bad tag", async () =>
      /site: tag "lares.bad.hots=oops"/.test((await agent.lares("ingress", "status")).stdout),
    );
    const sent = /routes of site of service lares-ingress-routes on \S+ is warning: tag .*lares\.bad\.hots=oops/;
    await until("an alert was sent", () => alerts.some((body) => sent.test(body)), 60_000);
  },
);

/** Of the range for documentation (RFC 5737): nobody's. */
const VIP = `198.51.100.${2 + (process.pid % 250)}`;

test.serial(
  "the pack's addresses: held by its second task, served by HAProxy, handed back when the job is stopped",
  async (t) => {
    t.timeout(240_000);
    const [port = 0] = await freePorts(1);
    const holds = (): boolean =>
      Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === VIP) === true);
    // VRRP takes no loopback, which is all that this agent has.
    const vars = [`-var=port=${port}`, `-var=addresses=${VIP}/32`, "-var=addresses_mode=lock"];
    const ran = await agent.lares("job", "run", "-detach", ...vars, pack);
    t.is(ran.code, 0, ran.stderr);
    await until("the address is held", holds, 60_000);
    await until("it is answered", async () => (await ask(port, undefined, VIP)) === "version 2", 60_000);
    const said = async () => (await agent.lares("ingress", "addresses")).stdout;
    await until("it is said", async () => new RegExp(`${VIP} .*lock`).test(await said()), 60_000);
    t.is((await agent.lares("job", "stop", "-detach", "ingress")).code, 0);
    await until("it is taken off", () => !holds(), 60_000);
  },
);

test.serial("the pack's addresses by VRRP: one of two nodes has it, and when that one dies, the other", async (t) => {
  t.timeout(240_000);
  t.is(process.getuid?.(), 0, "only root can make networks for nodes");
  const lab = new LabCluster();
  t.teardown(() => lab.remove());
  const nodes = await lab.up("-clients", "1", "-network=namespaces", "-docker=shared");
  const [server] = nodes;
  if (server === undefined) throw new Error("no server");
  const vip = new URL(server.http.nomad).hostname.replace(/\d+$/, "200");
  const holders = () =>
    nodes.filter(({ pid }) => {
      const shown = spawnSync("nsenter", ["-t", String(pid), "-n", "ip", "address", "show"], { encoding: "utf8" });
      return shown.status === 0 && shown.stdout.includes(` ${vip}/`);
    });
  const at = `-address=${server.http.nomad}`;
  const ran = await lares("job", "run", "-detach", at, "-var=port=8080", `-var=addresses=${vip}/24`, pack);
  t.is(ran.code, 0, ran.stderr);
  const answers = async () => (await ask(8080, undefined, vip)).startsWith("404 No route");
  await until("it is answered", answers, 90_000);
  let holder = "";
  await until("it is told who has it", async () => {
    const { code, stdout } = await lares("ingress", "addresses", `-http-addr=${server.http.consul}`);
    const [only, ...others] = holders();
    holder = only?.name ?? "";
    return code === 0 && others.length === 0 && new RegExp(`${vip} +${holder} .*vrrp`).test(stdout);
  });
  // Though it be the cluster's only server.
  await lab.lab("kill", holder);
  await until("the other has it", () => holders().some(({ name }) => name !== holder));
  await until("it is answered again", answers);
});
