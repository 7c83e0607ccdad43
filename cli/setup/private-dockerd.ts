import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import * as v from "valibot";
import { freeSubnet } from "./free-subnet.ts";

const run = promisify(execFile);

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

export type PrivateDockerd = {
  /** For DOCKER_HOST. */
  host: string;
  /** Path of the API socket. */
  socket: string;
  pid: number;
  /** Stops the daemon with its containers and takes away its mounts, bridge and firewall table; images stay in `dataFolder`. */
  readonly stop: () => Promise<void>;
};

export interface DockerdSettings {
  /** Of its configuration file. https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Beside this program's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a daemon leaves on the machine while it runs, written before it starts so that a crash can be cleaned up after. */
const TracesSchema = v.object({ pid: v.number(), bridge: v.string(), runFolder: v.string(), ipForward: v.string() });
type Traces = v.InferOutput<typeof TracesSchema>;

/**
 * Runs a Docker daemon of our own: folders, socket, bridge and firewall table are private, so it neither meets nor disturbs
 * another. Published ports go through Docker's proxy; the table only gives containers a way out.
 * @param dataFolder keeps images and log (`dockerd.log`); what an earlier run that was killed left behind is cleaned up first
 * @throws when not root, when a program is missing, or when the daemon does not answer within 30 s (with the end of its log)
 */
export async function startPrivateDockerd(dataFolder: string, given: DockerdSettings = {}): Promise<PrivateDockerd> {
  mkdirSync(dataFolder, { recursive: true, mode: 0o711 });
  await cleanUp(dataFolder);
  // Socket paths end at 108 bytes (unix(7)), so they cannot lie in a data folder of any length.
  const runFolder = mkdtempSync(`${tmpdir()}/lares-dockerd-`);
  const socket = `${runFolder}/docker.sock`;
  const traces: Traces = {
    pid: 0,
    bridge: `lares${runFolder
      .slice(-6)
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, "x")}`,
    runFolder,
    ipForward: readFileSync(IP_FORWARD, "utf8").trim(),
  };
  save(dataFolder, traces);
  try {
    const subnet = await makeNetwork(traces.bridge);
    const child = launch(dataFolder, { ...traces, subnet }, given);
    if (child.pid === undefined) throw new Error("dockerd cannot be started: is the package docker.io installed?");
    save(dataFolder, { ...traces, pid: child.pid });
    await untilReady(child, socket, dataFolder);
    return { host: `unix://${socket}`, socket, pid: child.pid, stop: () => cleanUp(dataFolder) };
  } catch (error) {
    await cleanUp(dataFolder);
    throw error;
  }
}

/** Whether a Docker daemon answers on this socket. */
export function answersPing(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath: socket, path: "/_ping", timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("error", () => resolve(false));
    asked.on("timeout", () => asked.destroy());
    asked.end();
  });
}

const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

function launch(
  dataFolder: string,
  { runFolder, bridge, subnet }: Traces & { readonly subnet: string },
  { config = {}, env = {} }: DockerdSettings,
): ChildProcess {
  const log = openSync(`${dataFolder}/dockerd.log`, "w");
  const args = [
    `--host=unix://${runFolder}/docker.sock`,
    `--data-root=${dataFolder}/root`,
    `--exec-root=${runFolder}/exec`,
    `--pidfile=${runFolder}/docker.pid`,
    `--bridge=${bridge}`,
    `--fixed-cidr=${subnet}`,
    "--iptables=false",
    "--ip-masq=false",
    // Its own configuration, so that /etc/docker/daemon.json of another daemon has no say.
    `--config-file=${runFolder}/daemon.json`,
  ];
  writeFileSync(`${runFolder}/daemon.json`, JSON.stringify(config));
  try {
    // A session of its own: Ctrl-C in the terminal must reach us, and we stop the daemon after the containers.
    const child = spawn("dockerd", args, {
      stdio: ["ignore", log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    child.on("error", () => undefined);
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

async function untilReady(child: ChildProcess, socket: string, dataFolder: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    if (await answersPing(socket)) return;
    await wait(POLL_MS);
  }
  const log = readFileSync(`${dataFolder}/dockerd.log`, "utf8").trim().split("\n").slice(-8).join("\n");
  throw new Error(`dockerd did not come up; the end of ${dataFolder}/dockerd.log:\n${log}`);
}

async function makeNetwork(bridge: string): Promise<string> {
  await run("ip", ["link", "add", bridge, "type", "bridge"]);
  const subnet = await takeSubnet(bridge);
  await run("ip", ["link", "set", bridge, "up"]);
  const rules = `table ip ${bridge} {
    chain out { type nat hook postrouting priority srcnat; ip saddr ${subnet} oifname != "${bridge}" masquerade; }
  }`;
  const loading = run("nft", ["-f", "-"]);
  loading.child.stdin?.end(rules);
  await loading;
  return subnet;
}

/** Daemons that start at once find the same network free: whoever sees that another has it too gives it back and looks again. */
async function takeSubnet(bridge: string): Promise<string> {
  for (;;) {
    const { stdout: routes } = await run("ip", ["-4", "-o", "route", "show", "table", "all"]);
    // Those of a bridge that is not up yet are no routes.
    const { stdout: addresses } = await run("ip", ["-4", "-o", "address", "show"]);
    const { address, subnet } = freeSubnet(routes + addresses);
    await run("ip", ["address", "add", address, "dev", bridge]);
    const { stdout: holders } = await run("ip", ["-4", "-o", "address", "show", "to", subnet]);
    if (holders.trim().split("\n").length === 1) return subnet;
    await run("ip", ["address", "delete", address, "dev", bridge]);
    await wait(Math.random() * 200);
  }
}

/** Restart equals reconcile: stopping, a failed start and a run that was killed all end here. */
async function cleanUp(dataFolder: string): Promise<void> {
  const traces = load(dataFolder);
  if (traces === undefined) return;
  await endProcess(traces.pid, `--data-root=${dataFolder}/root`);
  const containerd = Number(readIfThere(`${traces.runFolder}/exec/containerd/containerd.pid`) ?? 0);
  await endProcess(containerd, traces.runFolder);
  for (const mount of mountsBelow([dataFolder, traces.runFolder]))
    await run("umount", ["-l", mount]).catch(() => undefined);
  await run("ip", ["link", "delete", traces.bridge]).catch(() => undefined);
  await run("nft", ["delete", "table", "ip", traces.bridge]).catch(() => undefined);
  // dockerd switches forwarding on and never off.
  if (traces.ipForward === "0") writeFileSync(IP_FORWARD, "0");
  rmSync(traces.runFolder, { recursive: true, force: true });
  rmSync(`${dataFolder}/dockerd.json`, { force: true });
}

/** Ends a process of ours; a number that now belongs to another program is left alone. */
async function endProcess(pid: number, mark: string): Promise<void> {
  const isOurs = () => pid > 0 && (readIfThere(`/proc/${pid}/cmdline`) ?? "").includes(mark);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!isOurs()) return;
    process.kill(pid, signal);
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    while (isOurs() && performance.now() < deadline) await wait(POLL_MS);
  }
}

function mountsBelow(folders: readonly string[]): string[] {
  const points = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  // The deepest first.
  return points.filter((point) => folders.some((folder) => point.startsWith(`${folder}/`))).toReversed();
}

function save(dataFolder: string, traces: Traces): void {
  writeFileSync(`${dataFolder}/dockerd.json`, JSON.stringify(traces));
}

function load(dataFolder: string): Traces | undefined {
  const text = readIfThere(`${dataFolder}/dockerd.json`);
  return text === undefined ? undefined : v.parse(TracesSchema, JSON.parse(text));
}

function readIfThere(path: string): string | undefined {
  try {
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  } catch {
    // A process can end between the two.
    return undefined;
  }
}
