import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { UsageError, type FlagValues, type RunCommand } from "../command/command.ts";
import { parseDuration } from "#base/language/duration.ts";
import { isRunning, keepNode, labFolder, nodeNamed, readLab, type Lab, type LabNode } from "./lab-file.ts";
import { cut, mend } from "./partition.ts";
import { agentOf, allOf, signalAll } from "./processes.ts";
import { quickDisk, slowDisk } from "./slow-disk.ts";
import { slowDown, speedUp } from "./slow.ts";
import { clockFile, launch, whenUp } from "./nodes.ts";

const END_MS = 10_000;
const PAUSE_MS = 20;

interface Broken {
  readonly env: SystemEnv;
  readonly lab: Lab;
  readonly node: LabNode;
  readonly flags: FlagValues;
}

/** A command on one node of the lab; resolves with what to say. */
function fault(act: (broken: Broken) => Promise<string>): RunCommand {
  return async ({ flags, operands, output }) => {
    const [name, ...more] = operands;
    if (name === undefined || more.length > 0) throw new UsageError("name one node of the lab");
    const lab = readLab(labFolder(flags));
    const env = createEnv({ logLevel: "warn" });
    try {
      output.line(await act({ env, lab, node: nodeNamed(lab, name), flags }));
      return 0;
    } finally {
      env.close();
    }
  };
}

/** As if the machine lost power: the agent and all its tasks are gone at once. */
export const kill = fault(async ({ env, node }) => {
  requireRunning(node);
  signalAll(allOf(node), "SIGKILL");
  await gone(env, node);
  return `${node.name} is dead; \`lares lab start ${node.name}\` brings it back`;
});

/** Brings a node back that was killed. */
export const start = fault(async ({ env, lab, node }) => {
  if (isRunning(node)) throw new CodedError("lab", `${node.name} runs already`, "nothing is to be done");
  const started = await launch(env, node, lab);
  keepNode(lab, started);
  await whenUp(env, started);
  return `${node.name} runs again`;
});

export const pause = fault(({ node }) =>
  signalled(node, "SIGSTOP", `${node.name} stands still; its connections stay open`),
);

export const resume = fault(({ node }) => signalled(node, "SIGCONT", `${node.name} goes on`));

/** Nothing comes in or goes out; or not from some, or one way alone. */
export const partition = fault(async ({ env, lab, node, flags }) => {
  requireLink(node);
  const from = flags.value("from")?.split(",");
  const others = from?.map((name) => nodeNamed(lab, name));
  if (others?.some(({ name }) => name === node.name) === true)
    throw new UsageError(`${node.name} cannot be cut off from itself`);
  const direction = flags.value("direction") ?? "both";
  if (direction !== "in" && direction !== "out" && direction !== "both")
    throw new UsageError(`-direction takes in, out or both, not "${direction}"`);
  await cut(env, { lab, node, from: others, direction });
  const whom = from === undefined ? "all others" : from.join(" and ");
  if (direction === "in") return `${node.name} hears nothing from ${whom}, who hear it`;
  if (direction === "out") return `${node.name} is not heard by ${whom}, whom it hears`;
  return `${node.name} is cut off from ${whom}`;
});

/** What it says and hears comes late, and not all of it. */
export const slow = fault(async ({ env, lab, node, flags }) => {
  requireLink(node);
  const delayMs = numberOf(flags, "delay", { pattern: /^(\d+)ms$/, usual: "50ms", most: 10_000 });
  const lossPercent = numberOf(flags, "loss", { pattern: /^(\d+)%?$/, usual: "0", most: 100 });
  await speedUp(env.exec, lab, node);
  const relay = await slowDown(env.exec, { lab, node, delayMs, lossPercent });
  keepNode(lab, { ...node, relay });
  return `${node.name} is ${delayMs} ms away from all others, and ${lossPercent} % is lost on the way`;
});

function numberOf(
  flags: FlagValues,
  name: string,
  { pattern, usual, most }: { readonly pattern: RegExp; readonly usual: string; readonly most: number },
): number {
  const text = flags.value(name) ?? usual;
  const value = Number(pattern.exec(text)?.[1] ?? Number.NaN);
  if (value <= most) return value;
  throw new UsageError(`-${name} takes a number up to ${most}, as in ${usual}, not "${text}"`);
}

/** What its agent and etcd write has to wait for its turn. */
export const slowDiskOf = fault(({ node, flags }) => {
  requireRunning(node);
  const writes = numberOf(flags, "writes", { pattern: /^([1-9]\d*)$/, usual: "20", most: 1_000_000 });
  slowDisk(node, writes);
  return Promise.resolve(`the disk of ${node.name} takes ${writes} writes a second`);
});

/** The clock of its agent goes wrong by so much, at once. */
export const skew = fault(({ node, flags }) => {
  const text = flags.value("by") ?? "";
  const [, sign = "", size = ""] = /^([+-]?)(\d.*)$/.exec(text) ?? [];
  const ns = parseDuration(size);
  if (ns === undefined) throw new UsageError(`say by how much, such as 90s or -1h, not "${text}"`);
  const ms = Math.round(ns / 1e6) * (sign === "-" ? -1 : 1);
  writeFileSync(clockFile(node), `${ms}\n`);
  return Promise.resolve(`the clock of ${node.name} is off by ${text}`);
});

/** Nothing more can be written into its data. */
export const fillDisk = fault(async ({ env, lab, node }) => {
  if (lab.diskBytes === 0)
    throw new CodedError("lab", "the nodes of this lab share this machine's disk", "build it with -disk=SIZE");
  const { freeBytes } = await env.disk.space(node.dir);
  const ballast = await env.exec.run(["fallocate", "-l", String(freeBytes), ballastOf(node)]);
  // What is left is less than a page of everything.
  if (ballast.code !== 0) throw new CodedError("lab", `the disk could not be filled: ${ballast.stderr.trim()}`);
  return `the disk of ${node.name} is full; \`lares lab heal ${node.name}\` gives its space back`;
});

function ballastOf({ dir }: LabNode): string {
  return join(dir, "ballast");
}

export const heal = fault(async ({ env, lab, node }) => {
  if (lab.diskBytes > 0) await env.disk.remove(ballastOf(node));
  quickDisk(node);
  if (node.relay !== undefined) {
    await speedUp(env.exec, lab, node);
    const { relay: _relay, ...plain } = node;
    keepNode(lab, plain);
  }
  if (node.link !== "") await mend(env, lab, node);
  return `${node.name} reaches the others again`;
});

/** Ends all agents with their tasks, by their ids. */
export async function endNodes(env: SystemEnv, { nodes }: Lab): Promise<void> {
  const running = nodes.filter(isRunning);
  // Those that are dead may have left tasks, too.
  for (const node of nodes) signalAll(allOf(isRunning(node) ? node : { ...node, pid: 0 }), "SIGKILL");
  await Promise.all(running.map((node) => gone(env, node)));
  for (const node of nodes) {
    quickDisk(node);
    if (node.relay !== undefined && isRunning(node.relay)) signalAll([node.relay.pid], "SIGTERM");
  }
}

function signalled(node: LabNode, signal: NodeJS.Signals, says: string): Promise<string> {
  requireRunning(node);
  signalAll(agentOf(node), signal);
  return Promise.resolve(says);
}

async function gone({ clock }: SystemEnv, node: LabNode): Promise<void> {
  const deadline = clock.monotonicMs() + END_MS;
  while (isRunning(node)) {
    if (clock.monotonicMs() > deadline) throw new CodedError("lab", `${node.name} (${node.pid}) does not end`);
    await sleep(clock, PAUSE_MS);
  }
}

function requireRunning(node: LabNode): void {
  if (!isRunning(node))
    throw new CodedError("lab", `${node.name} does not run`, `\`lares lab start ${node.name}\` starts it`);
}

function requireLink({ link, name }: LabNode): void {
  if (link === "")
    throw new CodedError("lab", `${name} shares this machine's loopback, which cannot be cut`, "build the lab as root");
}
