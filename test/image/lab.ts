import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Cluster } from "./cluster.ts";
import { redisStory } from "./redis-story.ts";
import { Workbench } from "./workbench.ts";

// `npm run lab:qemu`: the built image as three machines on one virtual network, told line by line, then taken down.
const { values } = parseArgs({
  options: {
    /** Where consoles and disks go. */
    folder: { type: "string" },
    /** The machines go on running until Ctrl-C. */
    stay: { type: "boolean", default: false },
  },
});
const began = performance.now();
const folder = values.folder === undefined ? newFolder() : resolve(values.folder);
mkdirSync(folder, { recursive: true });
say(`consoles are written to ${folder}`);
const bench = await Workbench.open(folder, "docker");
let cluster: Cluster | undefined;
try {
  cluster = await redisStory({ bench, say });
  if (values.stay) await untilInterrupted(cluster);
} catch (error) {
  process.exitCode = 1;
  say(`failed: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await cluster?.discard();
  bench.close();
  // The consoles stay; disks and images are made anew.
  for (const file of readdirSync(folder))
    if (!file.endsWith(".console")) rmSync(join(folder, file), { recursive: true, force: true });
}
say(process.exitCode === 1 ? "taken down" : "all went well; taken down");

function say(line: string): void {
  console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}`);
}

function newFolder(): string {
  mkdirSync(new URL("../../dist", import.meta.url), { recursive: true });
  return mkdtempSync(new URL("../../dist/lab-", import.meta.url).pathname);
}

async function untilInterrupted(running: Cluster): Promise<void> {
  const [machine] = running.machines.filter((each) => each.running());
  say(`export NOMAD_ADDR=http://127.0.0.1:${machine?.apiPort ?? 0} NOMAD_TOKEN=${running.token}`);
  say("they run until Ctrl-C");
  const endless = setInterval(() => {}, 60_000);
  await new Promise<void>((ended) => {
    process.once("SIGINT", ended);
    process.once("SIGTERM", ended);
  });
  clearInterval(endless);
}
