import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { Browser } from "../browser.ts";
import { BUNDLES } from "../bundles.ts";
import type { Case, Stage } from "../case.ts";
import { type Cluster, nameOf } from "../cluster.ts";
import { HOST_SEEN_FROM_LAN } from "../lan.ts";
import type { Machine } from "../machine.ts";
import { redisStory } from "../redis-story.ts";
import { serve } from "../serve.ts";
import { Visitors } from "../visitors.ts";
import { built, Workbench } from "../workbench.ts";

const WEB_PORT = 8080;
const NODES = 3;
/** Three machines write an update and start anew, one after the other. */
const ROLLOUT_MS = 5_400_000;

export const clusterCases: readonly Case[] = [
  {
    name: "three machines become a cluster, run Redis, lose one and are updated one by one",
    run: wholeLife,
    needs: () =>
      existsSync(`${built("amd64", "docker")}/disk.img`) ? undefined : "npm run image -- -flavour docker -only raw",
  },
];

const RolloutSchema = v.object({
  State: v.string(),
  Reason: v.string(),
  Nodes: v.array(v.object({ Name: v.string(), State: v.string(), To: v.string(), Reason: v.string() })),
});
type Rollout = v.InferOutput<typeof RolloutSchema>;

/** One life for all of it: to make a cluster takes minutes. */
async function wholeLife({ bench: { folder }, say }: Stage): Promise<void> {
  const own = join(folder, "cluster");
  mkdirSync(own, { recursive: true });
  const bench = await Workbench.open(own, "docker");
  try {
    await BUNDLES.good(bench);
    const cluster = await redisStory({ bench, say, admit: (known, machine) => admitOnPage(known, machine, say) });
    try {
      await updateAll(cluster, { folder: own, say });
    } finally {
      await cluster.discard();
    }
  } finally {
    bench.close();
  }
}

/** As a person with a browser: the code of the first machine's screen opens the page, and a button lets the other in. */
async function admitOnPage(cluster: Cluster, machine: Machine, say: Stage["say"]): Promise<void> {
  const founder = await cluster.founder();
  const claim = /type (\d{4}) (\d{4})/;
  await founder.whenShown(claim);
  const [, first = "", second = ""] = claim.exec(founder.transcript()) ?? [];
  const browser = await Browser.open(`http://127.0.0.1:${founder.apiPort}/`);
  try {
    await cluster.until("the page asks for the code", async () => (await browser.text()).includes("Take this cluster"));
    await browser.submit("#claim-form input", `${first} ${second}`);
    await cluster.until("the page shows the token", async () => (await browser.text()).includes(cluster.token));
    say("a browser took the cluster over with the code of the screen");
    const press = (code: string): string =>
      `[...document.querySelectorAll("#asking li")].filter((each) => each.innerText.includes(${JSON.stringify(code)})).flatMap((each) => each.querySelector("button") ?? []).map((button) => button.click()).length`;
    let pressed = "";
    await machine.until("the page lets it in", async () => {
      const code = cluster.codeOf(machine);
      if (code !== undefined && code !== pressed && Number(await browser.ask(press(code))) > 0) {
        pressed = code;
        say(`a browser let ${nameOf(machine)} in, by the code ${code}`);
      }
      return (await browser.text()).includes(`${NODES} of ${NODES} machines ready`);
    });
    say(`the page shows ${NODES} machines, all ready`);
  } finally {
    await browser.close();
  }
}

interface Update {
  /** With the update in it. */
  readonly folder: string;
  readonly say: Stage["say"];
}

/** A site of two instances is visited all the while; nobody may notice. */
async function updateAll(cluster: Cluster, { folder, say }: Update): Promise<void> {
  const job = join(folder, "site.nomad.hcl");
  writeFileSync(job, SITE);
  await cluster.must("job", "run", "-detach", job);
  await cluster.whenPassing("site", 2);
  const visitors = await Visitors.begin(cluster, { service: "site", inside: WEB_PORT });
  const { server, port } = await serve(folder);
  let fewest = NODES;
  try {
    await cluster.must("os", "rollout", `http://${HOST_SEEN_FROM_LAN}:${port}/good.raucb`, "-detach");
    let told = "";
    const over = async (): Promise<boolean> => {
      const read = v.safeParse(RolloutSchema, await cluster.api("/v1/operator/firmware/rollout"));
      if (!read.success) return false;
      const line = lineOf(read.output);
      if (line !== told) say(`${line} (${visitors.count} requests, ${visitors.failures.length} failed)`);
      told = line;
      const ready = await cluster.readyNodes();
      if (ready.length > 0) fewest = Math.min(fewest, ready.length);
      return read.output.State !== "running";
    };
    await cluster.until("all machines are updated", over, ROLLOUT_MS);
    assert.match(told, /^done/);
    for (const machine of cluster.machines.filter((each) => each.running()))
      assert.match(await machine.osStatus(), /"version": "9\.9\.9"[\s\S]*"state": "confirmed"/, nameOf(machine));
    assert.ok(fewest >= NODES - 1, `only ${fewest} nodes were ready at once`);
    await cluster.whenServers(NODES);
  } finally {
    await visitors.end();
    server.close();
  }
  assert.deepEqual(visitors.failures, []);
  say(`${visitors.count} requests meanwhile, none failed; never was more than one machine away`);
}

function lineOf({ State, Reason, Nodes }: Rollout): string {
  const nodes = Nodes.map((each) => `${each.Name} ${each.State}${each.Reason === "" ? "" : ` (${each.Reason})`}`);
  return `${State}${Reason === "" ? "" : `: ${Reason}`}: ${nodes.join(", ")}`;
}

/** It is taken from the catalog ten seconds before it ends: whoever asks the catalog has left by then. */
const SITE = `job "site" {
  group "web" {
    count          = 2
    shutdown_delay = "10s"
    network {
      port "http" { static = ${WEB_PORT} }
    }
    task "httpd" {
      driver = "exec"
      config {
        command = "/bin/busybox"
        args    = ["httpd", "-f", "-p", "${WEB_PORT}", "-h", "local"]
      }
      template {
        data        = "it works"
        destination = "local/index.html"
      }
      resources {
        cpu    = 50
        memory = 32
      }
      service {
        name = "site"
        port = "http"
        check {
          type     = "http"
          path     = "/"
          interval = "5s"
          timeout  = "5s"
        }
      }
    }
  }
}
`;
