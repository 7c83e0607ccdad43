import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import type { FlagValues } from "../command/command.ts";

const LOCK_MS = 5000;
const LOCK_PAUSE_MS = 5;

const NodeSchema = v.object({
  name: v.string(),
  role: v.picklist(["server", "client"]),
  dir: v.string(),
  address: v.string(),
  /** Of its network, in the lab's kind of network that has them; else empty. */
  namespace: v.string(),
  link: v.string(),
  /** 0: it was not started yet. */
  pid: v.number(),
  /** Clock ticks since boot at which the process began: ids are used again. */
  began: v.string(),
  /** Stands between the node and the switch, while that is slow. */
  relay: v.optional(v.object({ pid: v.number(), began: v.string() })),
});
export type LabNode = v.InferOutput<typeof NodeSchema>;

const LabSchema = v.object({
  dir: v.string(),
  /** `namespaces`: each node has a network of its own; `loopback`: an address of 127/8. */
  network: v.picklist(["namespaces", "loopback"]),
  /** The network of the switch between them, and the machine's link to it. */
  bridge: v.string(),
  /** Of each node; 0: they share this machine's. */
  diskBytes: v.optional(v.number(), 0),
  /** Docker's endpoint for all nodes; `own`: each client runs an engine of its own; empty: what agents do without being told. */
  docker: v.optional(v.string(), ""),
  nodes: v.array(NodeSchema),
});
export type Lab = v.InferOutput<typeof LabSchema>;

/** Where the lab is. */
export function labFolder(flags: FlagValues): string {
  return resolve(flags.value("dir") ?? join(tmpdir(), `lares-lab-${process.getuid?.() ?? 0}`));
}

/** Throws a `CodedError` `lab` where there is none. */
export function readLab(dir: string): Lab {
  const path = join(dir, "lab.json");
  if (!existsSync(path)) throw new CodedError("lab", `there is no lab in ${dir}`, "`lares lab up` builds one");
  return v.parse(LabSchema, JSON.parse(readFileSync(path, "utf8")));
}

export function hasLab(dir: string): boolean {
  return existsSync(join(dir, "lab.json"));
}

export function writeLab(lab: Lab): void {
  const path = join(lab.dir, "lab.json");
  writeFileSync(`${path}.new`, `${JSON.stringify(lab, undefined, 1)}\n`);
  renameSync(`${path}.new`, path);
}

/** Changes what is known of one node, whatever other commands note of others meanwhile. */
export function keepNode({ dir }: Lab, node: LabNode): void {
  changeLab(dir, (lab) => ({
    ...lab,
    nodes: lab.nodes.map((each) => (each.name === node.name ? node : each)),
  }));
}

/** Reads, changes and writes in one step; resolves with what `change` made of it. */
export function changeLab(dir: string, change: (lab: Lab) => Lab): Lab {
  const lock = join(dir, "lab.lock");
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; ; waitedMs += LOCK_PAUSE_MS) {
    try {
      closeSync(openSync(lock, "wx"));
      break;
    } catch (thrown) {
      if (!existsSync(lock) && !existsSync(dir)) throw thrown;
      // Whoever held it was killed: a change takes no time.
      if (waitedMs > LOCK_MS) rmSync(lock, { force: true });
      Atomics.wait(sleeper, 0, 0, LOCK_PAUSE_MS);
    }
  }
  try {
    const lab = change(readLab(dir));
    writeLab(lab);
    return lab;
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Throws a `CodedError` `lab` that names the nodes there are. */
export function nodeNamed({ nodes, dir }: Lab, name: string): LabNode {
  const found = nodes.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = nodes.map((each) => each.name).join(", ");
  throw new CodedError("lab", `no node of the lab in ${dir} is called ${JSON.stringify(name)}`, `there are ${names}`);
}

/** Another process has its id by now, or none. */
export function isRunning({ pid, began }: Pick<LabNode, "pid" | "began">): boolean {
  return pid !== 0 && beganAt(pid) === began;
}

/** Field 22 of proc_pid_stat(5); empty: there is no such process, or it is a zombie. */
export function beganAt(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "" : (fields[19] ?? "");
  } catch {
    return "";
  }
}
