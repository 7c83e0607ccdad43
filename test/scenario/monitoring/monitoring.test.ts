import { spawnSync } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { freePorts } from "#test/free-ports.ts";
import { testAgent, until, type TestAgent } from "../agent.ts";

/** The packs of a network operations centre, as they are: images from Debian packages, volumes, the ingress before them. */
const packs = new URL("../../../packs/", import.meta.url).pathname;
const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
const work = mkdtempSync(join(tmpdir(), "lares-monitoring-"));
let agent: TestAgent;
let ingress = "";
let consulPort = "";

function build(recipe: string): void {
  const cache = join(tmpdir(), "lares-image-cache");
  const words = ["image", "build", "-load", "-no-compress", "-cache", cache, "-output", join(work, "image.tar")];
  const built = spawnSync(process.execPath, [main, ...words, packs + recipe], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`image ${recipe}: ${built.stderr}${built.stdout}`);
}

async function say(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await agent.lares(...words);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

async function page(path: string): Promise<string> {
  const answer = await fetch(ingress + path).catch(() => undefined);
  return answer?.status === 200 ? answer.text() : "";
}

test.before(async (t) => {
  t.timeout(400_000, "building the images");
  build("smokeping/smokeping.image.hcl");
  build("prometheus/prometheus.image.hcl");
  build("redirect/redirect.image.hcl");
  agent = await testAgent({ config: CONFIG, dockerConfig: `allow_caps = ${JSON.stringify(CAPS.split(" "))}` });
  consulPort = new URL(agent.consul).port;
  const [port = 0] = await freePorts(1);
  ingress = `http://127.0.0.1:${port}`;
  await say("job", "run", "-detach", `-var=port=${port}`, `${packs}ingress/ingress.nomad.hcl`);
});

test.after.always(async () => {
  rmSync(work, { recursive: true, force: true });
  for (const job of ["smokeping", "prometheus", "ingress", "counted", "dns"])
    await agent.lares("job", "stop", "-purge", job);
  const left = async () =>
    v
      .parse(v.array(v.object({ ClientStatus: v.string() })), await agent.get("/v1/allocations"))
      .some(({ ClientStatus }) => ClientStatus === "running");
  await until("all tasks ended", async () => !(await left()), 30_000).catch(() => undefined);
  await agent.remove();
});

test.serial("Smokeping probes the cluster's nodes, and its graphs behind the ingress show data", async (t) => {
  t.timeout(180_000);
  await say("volume", "create", `${packs}smokeping/smokeping.volume.hcl`);
  const vars = ["-var=step=5", "-var=pings=3", '-var=targets={"self"="127.0.0.2"}'];
  await say("job", "run", "-detach", ...vars, `${packs}smokeping/smokeping.nomad.hcl`);
  const volume = v.parse(
    v.object({ HostPath: v.string() }),
    JSON.parse(await say("volume", "status", "-json", "smokeping")),
  );
  const rows = v.parse(v.array(v.object({ Node: v.string() })), await agent.get("/consul/v1/catalog/nodes"));
  const name = (rows[0]?.Node ?? "").replaceAll(/[^\w-]/g, "_");
  await until("the page stands behind the ingress", async () =>
    (await page("/smokeping/cgi-bin/smokeping.cgi?target=cluster")).includes("Nodes of the cluster"),
  );
  t.regex(await page("/smokeping/css/smokeping-screen.css"), /sidebar/);
  // RRDtool's own binary format: what it holds is read with its own library, in the image.
  const median = async (rrd: string): Promise<number[]> => {
    const script = `use RRDs; my ($start, $step, $names, $data) = RRDs::fetch($ARGV[0], "AVERAGE", "--start", "-60s");
      my ($at) = grep { $names->[$_] eq "median" } 0..$#$names; print join(" ", map { $_->[$at] // () } @$data);`;
    const run = await agent.lares("alloc", "exec", "-job", "-task", "probe", "smokeping", "perl", "-e", script, rrd);
    return run.stdout
      .split(" ")
      .map(Number)
      .filter((value) => value > 0);
  };
  for (const rrd of [`/data/rrd/cluster/${name}.rrd`, "/data/rrd/network/self.rrd"]) {
    await until(`${rrd} holds round trips`, async () => (await median(rrd)).length >= 2);
    for (const seconds of await median(rrd)) t.true(seconds < 1, `${seconds} s to this very machine`);
  }
  t.true(
    readFileSync(join(volume.HostPath, "rrd/cluster", `${name}.rrd`))
      .subarray(0, 3)
      .equals(Buffer.from("RRD")),
  );
  const shown = await page(`/smokeping/cgi-bin/smokeping.cgi?target=cluster.${name}`);
  const graph = /\.\.(\/cache\/[^"]+\.png)/.exec(shown)?.[1] ?? "";
  const drawn = Buffer.from(await (await fetch(`${ingress}/smokeping${graph}`)).arrayBuffer());
  t.deepEqual([...drawn.subarray(1, 4)], [...Buffer.from("PNG")], "a graph is an image");
});

test.serial(
  "Prometheus finds nodes and services through the catalog, and has metrics of nodes, jobs and DNS",
  async (t) => {
    t.timeout(120_000);
    const [dnsPort = 0, apiPort = 0] = await freePorts(2);
    // Nobody is asked outside: what it answers is not what is measured here.
    const vars = [
      `-var=port=${dnsPort}`,
      `-var=api_port=${apiPort}`,
      '-var=upstreams=["127.0.0.1:1"]',
      "-var=lists=[]",
    ];
    await say("job", "run", "-detach", ...vars, `${packs}dns/dns.nomad.hcl`);
    await say("volume", "create", `${packs}prometheus/prometheus.volume.hcl`);
    const counted = join(work, "counted.nomad.hcl");
    writeFileSync(counted, COUNTED);
    await say("job", "run", "-detach", counted);
    const ports = [`-var=http_port=${new URL(agent.nomad).port}`, `-var=consul_port=${consulPort}`, "-var=interval=1s"];
    await say("job", "run", "-detach", ...ports, `${packs}prometheus/prometheus.nomad.hcl`);
    const ask = async (query: string): Promise<{ labels: Record<string, string>; value: string }[]> => {
      const text = await page(`/prometheus/api/v1/query?query=${encodeURIComponent(query)}`);
      return text === ""
        ? []
        : v
            .parse(AnswerSchema, JSON.parse(text))
            .data.result.map((each) => ({ labels: each.metric, value: each.value[1] }));
    };
    const up = async () => {
      const found = await ask("up");
      return found
        .flatMap(({ labels, value }) => (value === "1" ? [labels["service"] ?? labels["job"] ?? ""] : []))
        .toSorted();
    };
    await until(
      "everything is scraped",
      async () =>
        JSON.stringify(await up()) ===
        JSON.stringify(["counted", "discovery", "lares-dns-api", "lares-ingress-admin", "scheduler"]),
    );
    const resolver = new Resolver({ timeout: 1000, tries: 1 });
    resolver.setServers([`127.0.0.1:${dnsPort}`]);
    await until("questions are counted", async () => {
      await resolver.resolve4("counted.example").catch(() => undefined);
      const counts = await ask("lares_dns_queries_total");
      return counts.some(({ labels, value }) => labels["service"] === "lares-dns-api" && Number(value) > 0);
    });
    await until(
      "metrics of jobs and their allocations",
      async () => (await ask('nomad_nomad_job_summary_running{exported_job="counted"}')).length > 0,
    );
    t.is((await ask("visits_total"))[0]?.value, "42");
    t.truthy((await ask("visits_total"))[0]?.labels["node"]);
  },
);

test.serial("short addresses are keys of the cluster, and a change of them counts at once", async (t) => {
  t.timeout(120_000);
  await say("kv", "put", "redirects/wiki", "https://wiki.example.com/");
  await say("kv", "put", "redirects/bad", 'https://x.example.com/" => "');
  await say("job", "run", "-detach", "-var=host=127.0.0.1", `${packs}redirect/redirect.nomad.hcl`);
  const leads = async (path: string): Promise<string> => {
    const answer = await fetch(ingress + path, { redirect: "manual" }).catch(() => undefined);
    return `${answer?.status ?? 0} ${answer?.headers.get("location") ?? ""}`;
  };
  await until("it leads", async () => (await leads("/wiki")) === "302 https://wiki.example.com/", 60_000);
  t.is(await leads("/wiki/page?x=1"), "302 https://wiki.example.com/page?x=1");
  t.regex(await leads("/bad"), /^404 /, "a key says nothing to the server");
  await say("kv", "put", "redirects/wiki", "https://other.example.com/start");
  await say("kv", "put", "redirects/new", "https://new.example.com/");
  await until("a change", async () => (await leads("/wiki")) === "302 https://other.example.com/start", 60_000);
  await until("a new one", async () => (await leads("/new")) === "302 https://new.example.com/", 60_000);
});

/** What the packs say that they need of a node: figures for Prometheus, and leave to send echo requests. */
const CONFIG = "telemetry {\n  prometheus_metrics = true\n}\n";
const CAPS =
  "audit_write chown dac_override fowner fsetid kill mknod net_bind_service net_raw setfcap setgid setpcap setuid sys_chroot";

const AnswerSchema = v.object({
  data: v.object({
    result: v.array(v.object({ metric: v.record(v.string(), v.string()), value: v.tuple([v.number(), v.string()]) })),
  }),
});

/** A service that says by a tag that it has metrics, and by its meta where. */
const COUNTED = `
job "counted" {
  group "g" {
    network {
      port "http" {}
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "${process.execPath}"
        args = ["-e", "require('node:http').createServer((q, a) => a.end(q.url === '/numbers' ? '# TYPE visits_total counter\\\\nvisits_total 42\\\\n' : '')).listen(process.env.NOMAD_PORT_http, '127.0.0.1')"]
      }
      resources {
        cpu = 20
        memory = 64
      }
      service {
        name = "counted"
        port = "http"
        tags = ["metrics"]
        meta {
          metrics_path = "/numbers"
        }
      }
    }
  }
}
`;
