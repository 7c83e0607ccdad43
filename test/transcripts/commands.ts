import { parseDuration } from "#base/language/duration.ts";
import { stopAlloc } from "#daemons/scheduler/server/alloc-endpoint.ts";
import { GC_NOW } from "#daemons/scheduler/server/gc.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { ScriptedCluster } from "./cluster.ts";
import { jobOf } from "./job.ts";
import type { Labels } from "./render.ts";

interface At {
  readonly cluster: ScriptedCluster;
  readonly labels: Labels;
  readonly words: readonly string[];
}

/** Carries out one line of a script. A refusal is what it answers. */
export async function perform(cluster: ScriptedCluster, labels: Labels, line: string): Promise<string | undefined> {
  const [verb = "", ...words] = line.split(/\s+/);
  if (verb === "wait") await cluster.wait((parseDuration(words[0] ?? "") ?? 0) / 1e6);
  if (verb === "restart-server") await cluster.restartServer();
  if (verb === "wait" || verb === "restart-server") return undefined;
  const command = COMMANDS[verb];
  if (command === undefined) throw new Error(`no command ${verb}; there are: ${Object.keys(COMMANDS).join(", ")}`);
  const answer: unknown = await cluster.complete(command({ cluster, labels, words }));
  await cluster.settle();
  return refusal(answer);
}

function refusal(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null || !("ok" in answer) || answer.ok !== false) return undefined;
  if (!("error" in answer) || typeof answer.error !== "object" || answer.error === null) return "refused";
  return "message" in answer.error ? `refused: ${String(answer.error.message)}` : "refused";
}

const COMMANDS: Readonly<Record<string, (at: At) => Promise<unknown>>> = {
  node: async ({ cluster, words }) => {
    const [name = "", ...fields] = words;
    const cpu = fieldOf(fields, "cpu");
    const NodeClass = fieldOf(fields, "class") ?? "";
    await cluster.addNode(name, { NodeClass, ...(cpu === undefined ? {} : { NodeResources: resources(Number(cpu)) }) });
  },
  run: ({ cluster, words: [id = "", ...fields] }) => cluster.server.jobs.register(jobOf(id, fields)),
  stop: ({ cluster, words }) =>
    cluster.server.jobs.deregister("default", words[0] ?? "", { purge: words.includes("purge") }),
  scale: ({ cluster, words: [id = "", group = "", count = ""] }) =>
    cluster.server.jobs.scale("default", id, { group, count: Number(count), message: "", error: false, meta: {} }),
  evaluate: ({ cluster, words }) =>
    cluster.server.jobs.evaluate("default", words[0] ?? "", { forceReschedule: words.includes("force") }),
  revert: ({ cluster, words: [id = "", version = ""] }) =>
    cluster.server.jobs.revert("default", id, { version: Number(version), enforcePriorVersion: undefined }),
  fail: (at) => report(at, (nowNs) => ({ ClientStatus: "failed", TaskStates: ended(nowNs, true) })),
  complete: (at) => report(at, (nowNs) => ({ ClientStatus: "complete", TaskStates: ended(nowNs, false) })),
  healthy: (at) => report(at, (Timestamp) => ({ DeploymentStatus: { Healthy: true, Timestamp } })),
  unhealthy: (at) => report(at, (Timestamp) => ({ DeploymentStatus: { Healthy: false, Timestamp } })),
  silent: async ({ cluster, words }) => words.forEach((name) => cluster.silence(name, true)),
  back: async ({ cluster, words }) => words.forEach((name) => cluster.silence(name, false)),
  drain,
  undrain: ({ cluster, words }) =>
    cluster.server.nodes.setDrain(words[0] ?? "", null, { markEligible: !words.includes("keep-ineligible"), meta: {} }),
  eligible: ({ cluster, words }) => cluster.server.nodes.setEligibility(words[0] ?? "", "eligible"),
  ineligible: ({ cluster, words }) => cluster.server.nodes.setEligibility(words[0] ?? "", "ineligible"),
  "purge-node": ({ cluster, words }) => cluster.server.nodes.purge(words[0] ?? ""),
  promote: ({ cluster, labels, words: [deployment = "", ...groups] }) =>
    cluster.server.deployments.promote(labels.idOf(deployment), groups.length === 0 ? undefined : groups),
  pause: ({ cluster, labels, words }) => cluster.server.deployments.pause(labels.idOf(words[0] ?? ""), true),
  resume: ({ cluster, labels, words }) => cluster.server.deployments.pause(labels.idOf(words[0] ?? ""), false),
  "fail-deployment": ({ cluster, labels, words }) => cluster.server.deployments.failByUser(labels.idOf(words[0] ?? "")),
  "say-healthy": ({ cluster, labels, words: [deployment = "", ...ids] }) =>
    cluster.server.deployments.setHealth(labels.idOf(deployment), {
      healthy: ids.map((id) => labels.idOf(id)),
      unhealthy: [],
    }),
  "stop-alloc": ({ cluster, labels, words }) =>
    stopAlloc(cluster.server.context, labels.idOf(words[0] ?? ""), { noShutdownDelay: false }),
  gc: ({ cluster }) => cluster.server.collector.run(GC_NOW),
};

function drain({ cluster, words: [name = "", ...options] }: At): Promise<unknown> {
  const text = fieldOf(options, "deadline") ?? "1h";
  const Deadline = text === "force" ? -1 : text === "none" ? 0 : (parseDuration(text) ?? 0);
  const nowMs = cluster.env.clock.nowMs();
  const strategy = {
    Deadline,
    IgnoreSystemJobs: options.includes("ignore-system"),
    StartedAt: new Date(nowMs).toISOString(),
    ForceDeadline: Deadline > 0 ? new Date(nowMs + Deadline / 1e6).toISOString() : "",
  };
  return cluster.server.nodes.setDrain(name, strategy, { markEligible: false, meta: {} });
}

async function report(at: At, fields: (nowNs: number) => Record<string, unknown>): Promise<void> {
  const { cluster, labels } = at;
  const { state } = cluster.server.context;
  const nowNs = Math.round(cluster.env.clock.nowMs() * 1e6);
  for (const word of at.words) {
    const found: Alloc | undefined = state.allocById(labels.idOf(word))?.value;
    if (found === undefined) throw new Error(`${word} is no allocation`);
    cluster.report(found, fields(nowNs));
  }
}

function ended(nowNs: number, failed: boolean): Record<string, unknown> {
  return { main: { State: "dead", Failed: failed, FinishedAt: nowNs } };
}

function fieldOf(words: readonly string[], key: string): string | undefined {
  return words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
}

function resources(cpu: number): Record<string, unknown> {
  return {
    Cpu: { CpuShares: cpu, TotalCpuCores: 1, ReservableCpuCores: [0] },
    Memory: { MemoryMB: 8192 },
    Disk: { DiskMB: 100_000 },
    Networks: [{ Mode: "host", IP: "10.0.0.1" }],
  };
}
