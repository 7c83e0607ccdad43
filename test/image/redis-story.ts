import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { Cluster, nameOf } from "./cluster.ts";
import { freePort, type Machine } from "./machine.ts";
import { serve } from "./serve.ts";
import type { Workbench } from "./workbench.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SERVERS = 3;
const SERVICE = "fun-redis";
const IMAGE = "redis.tar";
const REDIS_PORT = 6379;

export interface Story {
  readonly bench: Workbench;
  readonly say: (line: string) => void;
  /** Lets the last of the first machines in; by default it is done by command, as for the others. */
  readonly admit?: (cluster: Cluster, machine: Machine) => Promise<void>;
}

/**
 * Three machines that were just flashed become a cluster, run the job `redis-cache`, lose a machine, and get a new one.
 * @returns the cluster of three, still running; whoever asked takes it down
 */
export async function redisStory(story: Story): Promise<Cluster> {
  const { bench, say } = story;
  const archive = redisImage(bench.folder);
  const { server, port } = await serve(bench.folder);
  const cluster = await Cluster.open({ bench, say });
  try {
    for (let i = 0; i < SERVERS; i++) await cluster.add();
    await Promise.all(cluster.machines.map((machine) => cluster.located(machine)));
    const founder = await cluster.founder();
    const load = (machine: Machine): Promise<void> => cluster.loadImage(machine, port, archive);
    // The founder has enough to do; two are all that the job needs.
    const loading = Promise.all(cluster.machines.filter((machine) => machine !== founder).map(load));
    // Heard below; a machine that ends meanwhile is told there.
    loading.catch(() => {});
    await cluster.whenFounded(founder);
    await loading;
    await becomeCluster(cluster, founder, story);
    await firstContainer(cluster, say);
    await cluster.whenServers(SERVERS);
    say(`all are servers, and share the state, ${cluster.sinceStart().toFixed(0)} s after power on`);
    await load(founder);
    await bothAnswer(cluster, say);
    await loseOne(cluster, { port, archive, say });
    return cluster;
  } catch (error) {
    await cluster.discard();
    throw error;
  } finally {
    server.close();
  }
}

async function becomeCluster(cluster: Cluster, founder: Machine, { admit, say }: Story): Promise<void> {
  const others = cluster.machines.filter((machine) => machine !== founder);
  for (const [i, machine] of others.entries()) {
    if (admit !== undefined && i === others.length - 1) await admit(cluster, machine);
    else await cluster.approve(machine);
  }
  await cluster.whenReady(SERVERS);
  say(`${SERVERS} nodes are ready ${cluster.sinceStart().toFixed(0)} s after power on`);
}

/** The state moves to all three afterwards, or meanwhile where this was late: then the job has to wait. */
async function firstContainer(cluster: Cluster, say: Story["say"]): Promise<void> {
  const job = ["job", "run", "-detach", "packs/redis-cache/redis-cache.nomad.hcl"];
  await cluster.until("the job is taken", async () => (await cluster.lares(...job)).ok);
  say(`the job was taken ${cluster.sinceStart().toFixed(0)} s after power on`);
  await cluster.until("the first container runs", () => cluster.runs("redis-cache"));
  say(`the first container runs ${cluster.sinceStart().toFixed(0)} s after power on`);
  await cluster.until("it passes its check", async () => ((await cluster.passing(SERVICE)) ?? []).length > 0);
  say(`it passes its check, ${cluster.sinceStart().toFixed(0)} s after power on`);
}

async function bothAnswer(cluster: Cluster, say: Story["say"]): Promise<void> {
  for (const { node, address, port } of await cluster.whenPassing(SERVICE, 2)) {
    const machine = cluster.machineOf(node);
    const own = await freePort();
    await cluster.forward(machine, REDIS_PORT, own);
    await machine.until("Redis answers", async () => (await ping(own)) === "+PONG");
    say(`redis on ${node} (${address}:${port}) answers +PONG`);
  }
}

async function loseOne(
  cluster: Cluster,
  { port, archive, say }: { readonly port: number; readonly archive: string; readonly say: Story["say"] },
): Promise<void> {
  const [victim] = (await cluster.whenPassing(SERVICE, 2)).toReversed();
  if (victim === undefined) throw new Error("no instance");
  const machine = cluster.machineOf(victim.node);
  const killed = performance.now();
  await machine.cut();
  say(`the plug of ${victim.node} is pulled`);
  const seconds = (): string => ((performance.now() - killed) / 1000).toFixed(0);
  await cluster.until("its Redis runs elsewhere", async () => {
    const found = (await cluster.passing(SERVICE)) ?? [];
    return found.length === 2 && found.every(({ node }) => node !== victim.node);
  });
  say(`both instances pass again ${seconds()} s later, on the other two`);
  const fresh = await cluster.add();
  await cluster.located(fresh);
  await cluster.approve(fresh);
  await cluster.loadImage(fresh, port, archive);
  await cluster.whenReady(SERVERS);
  await cluster.whenServers(SERVERS);
  say(
    `${nameOf(fresh)} took the place of ${victim.node}: ${SERVERS} servers, ${seconds()} s after the plug was pulled`,
  );
}

/** Debian's Redis, as the job's image; made once. @returns the file's name in the folder */
function redisImage(folder: string): string {
  if (!existsSync(join(folder, IMAGE))) {
    const made = join(folder, `${IMAGE}.new`);
    // The machines are slower than their network.
    const words = ["image", "build", "packs/redis-cache/redis.image.hcl", "-no-compress", `-output=${made}`];
    execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", "cli/main.ts", ...words], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "inherit"],
    });
    execFileSync("mv", [made, join(folder, IMAGE)]);
  }
  return IMAGE;
}

/** https://redis.io/docs/latest/develop/reference/protocol-spec/ (inline commands) */
function ping(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on("data", (bytes: Buffer) => {
      resolve(bytes.toString().trim());
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(""));
  });
}
