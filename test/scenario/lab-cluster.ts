import { spawn } from "node:child_process";
import { removeFolder } from "#test/remove-folder.ts";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";

const main = new URL("../../cli/main.ts", import.meta.url).pathname;

const ShownSchema = v.object({
  name: v.string(),
  id: v.string(),
  role: v.string(),
  state: v.string(),
  http: v.object({ nomad: v.string(), consul: v.string() }),
  dns: v.string(),
  gossip: v.string(),
  docker: v.string(),
  pid: v.number(),
  dataDir: v.string(),
});
export type ShownNode = v.InferOutput<typeof ShownSchema>;
const AllocsSchema = v.array(v.object({ ID: v.string(), NodeID: v.string(), ClientStatus: v.string() }));
type Allocs = v.InferOutput<typeof AllocsSchema>;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const SOURCES = [process.execPath, "--disable-warning=ExperimentalWarning", main];

export function lares(...words: readonly string[]): Promise<Ran> {
  return runOf(SOURCES, words);
}

function runOf([program = "", ...before]: readonly string[], words: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(program, [...before, ...words]);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.on("close", (code) => resolve({ code: code ?? 128, stdout, stderr }));
  });
}

/** A lab of a test, in a folder of its own. */
export class LabCluster {
  readonly root = mkdtempSync(join(tmpdir(), "lares-lab-test-"));
  readonly dir = join(this.root, "lab");
  readonly #program: readonly string[];

  /** `program`: an executable. Default: the sources. */
  constructor(program: readonly string[] = SOURCES) {
    this.#program = program;
  }

  /** `lares lab VERB … -dir …`; throws where it fails. */
  async lab(...words: readonly string[]): Promise<string> {
    const ran = await this.try(...words);
    if (ran.code !== 0) throw new Error(`lab ${words.join(" ")}: ${ran.stderr}`);
    return ran.stdout;
  }

  try(...words: readonly string[]): Promise<Ran> {
    return runOf(this.#program, ["lab", ...words, "-dir", this.dir]);
  }

  async up(...flags: readonly string[]): Promise<readonly ShownNode[]> {
    return v.parse(v.array(ShownSchema), JSON.parse(await this.lab("up", "-json", ...flags)));
  }

  async status(): Promise<readonly ShownNode[]> {
    return v.parse(v.array(ShownSchema), JSON.parse(await this.lab("status", "-json")));
  }

  async run(at: ShownNode, job: string): Promise<void> {
    const path = join(this.root, "job.hcl");
    writeFileSync(path, job);
    const ran = await lares("job", "run", "-detach", `-address=${at.http.nomad}`, path);
    if (ran.code !== 0) throw new Error(ran.stderr);
  }

  /** Takes it away, if it is still there. */
  async remove(): Promise<void> {
    if (existsSync(join(this.dir, "lab.json"))) await this.try("down");
    removeFolder(this.root);
  }
}

/** Allocations of a job that run, by what this node says; none where it does not answer. */
export async function running(at: ShownNode, job: string): Promise<Allocs> {
  const answer = await fetch(`${at.http.nomad}/v1/job/${job}/allocations`).catch(() => undefined);
  if (answer?.status !== 200) return [];
  return v.parse(AllocsSchema, await answer.json()).filter(({ ClientStatus }) => ClientStatus === "running");
}

const MetricsSchema = v.object({ Gauges: v.array(v.object({ Name: v.string(), Value: v.number() })) });

export async function gauges(at: ShownNode): Promise<v.InferOutput<typeof MetricsSchema>["Gauges"]> {
  return v.parse(MetricsSchema, await (await fetch(`${at.http.nomad}/v1/metrics`)).json()).Gauges;
}

/** The server that leads, by what these say; undefined: they do not agree on one of them. */
export async function leaderAmong(servers: readonly ShownNode[]): Promise<ShownNode | undefined> {
  const said = await Promise.all(
    servers.map(async ({ http }) => {
      const signal = AbortSignal.timeout(2000);
      const answer = await fetch(`${http.nomad}/v1/operator/autopilot/health`, { signal }).catch(() => undefined);
      if (answer?.status !== 200) return "";
      return v.parse(v.object({ Leader: v.string() }), await answer.json()).Leader;
    }),
  );
  const [first = ""] = said;
  return said.every((each) => each === first) ? servers.find(({ name }) => first === `${name}.global`) : undefined;
}
