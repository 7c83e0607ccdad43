import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { beganAt } from "#cli/lab/lab-file.ts";
import type { LabCluster, ShownNode } from "#test/scenario/lab-cluster.ts";
import { processesOf } from "./processes.ts";
import { ready } from "./take-over.ts";

const INTERNAL_PORT = 4647;
/** Of TCP connections, in the kernel's table. */
const ESTABLISHED = "01";
const PATIENCE_MS = 10_000;

/**
 * A node that is no server: the server that it follows dies (its connections close) or stands still (they do not). Resolves with the
 * milliseconds until the node answered a question about the cluster again.
 */
export async function failOver(
  lab: LabCluster,
  { client, servers }: { readonly client: ShownNode; readonly servers: readonly ShownNode[] },
  how: "closed" | "silent",
): Promise<number> {
  await ready(servers);
  const now = await lab.status();
  const victim = now.find(({ name }) => name === followed(client, servers)?.name);
  if (victim === undefined) throw new Error(`${client.name} follows nobody`);
  const pids = processesOf(victim);
  const began = performance.now();
  for (const pid of pids) process.kill(pid, how === "closed" ? "SIGKILL" : "SIGSTOP");
  while (how === "closed" && pids.some((pid) => beganAt(pid) !== "")) await delay(1);
  const tookMs = await untilAnswered(client, began);
  if (how === "closed") await lab.lab("start", victim.name);
  else for (const pid of pids) process.kill(pid, "SIGCONT");
  return tookMs;
}

async function untilAnswered({ http }: ShownNode, began: number): Promise<number> {
  for (;;) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(`${http.consul}/v1/kv/bench/0?stale`, { signal }).catch(() => undefined);
    await answer?.text().catch(() => "");
    if (answer !== undefined && answer.status < 500) return performance.now() - began;
    await delay(5);
  }
}

/** Whom most of its connections go to. */
function followed({ pid }: ShownNode, servers: readonly ShownNode[]): ShownNode | undefined {
  const rows = readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").slice(1);
  const counts = new Map<string, number>();
  for (const row of rows) {
    const [, , remote = "", state] = row.trim().split(/\s+/);
    const [address = "", port = ""] = remote.split(":");
    if (state !== ESTABLISHED || Number.parseInt(port, 16) !== INTERNAL_PORT) continue;
    counts.set(hostOf(address), (counts.get(hostOf(address)) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
  return servers.find(({ http }) => new URL(http.nomad).hostname === most?.[0]);
}

/** `0A01A8C0` is 192.168.1.10: the kernel prints what is in memory. */
function hostOf(hex: string): string {
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join(".");
}
