import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { TestAgent } from "../agent.ts";

const AllocsSchema = v.array(v.object({ ID: v.string() }));
const AllocSchema = v.object({
  ClientStatus: v.string(),
  TaskStates: v.nullish(
    v.record(
      v.string(),
      v.object({
        Restarts: v.number(),
        Events: v.array(v.object({ Type: v.string(), DisplayMessage: v.string() })),
      }),
    ),
  ),
});

export type TemplateFields = Readonly<Record<string, unknown>>;

/** Acted on as soon as it changes. */
export const AT_ONCE: TemplateFields = { Wait: { Min: 1e6, Max: 1e7 }, Splay: 0 };

/** A task that notes its start and every SIGHUP in `local/log`, and goes on for as long as it is let. */
export const NOTING =
  'note() { echo "$1 $COLOR" >> local/log; }; trap "note hup" HUP; note start; while :; do sleep 0.1; done';

export interface TemplateJob {
  readonly templates: readonly TemplateFields[];
  /** Of the task. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Of the job. */
  readonly job?: Readonly<Record<string, unknown>>;
}

export function jobWith(id: string, { templates, fields, job }: TemplateJob): unknown {
  const task = {
    Name: "a",
    Driver: "raw_exec",
    Config: { command: "/bin/sh", args: ["-c", NOTING] },
    Resources: { CPU: 10, MemoryMB: 16 },
    RestartPolicy: { Attempts: 0, Mode: "fail" },
    KillTimeout: 1e9,
    Templates: templates,
    ...fields,
  };
  const group = { Name: "g", Count: 1, Tasks: [task], ReschedulePolicy: { Attempts: 0, Unlimited: false } };
  return { Job: { ID: id, Name: id, Type: "service", TaskGroups: [group], ...job } };
}

/** What a test sees of one job's only allocation. */
export class Watched {
  readonly #agent: TestAgent;
  readonly id: string;

  constructor(agent: TestAgent, id: string) {
    this.#agent = agent;
    this.id = id;
  }

  path(name: string): string {
    return join(this.#agent.dir, "data/alloc", this.id, "a", name);
  }

  text(name: string): string {
    try {
      return readFileSync(this.path(name), "utf8");
    } catch {
      return "";
    }
  }

  /** Tells a file from another one with the same text. */
  mark(name: string): string {
    const { ino, mtimeMs } = statSync(this.path(name));
    return `${ino} ${mtimeMs}`;
  }

  lines(): string[] {
    return this.text("local/log").split("\n").filter(Boolean);
  }

  async status(): Promise<string> {
    return (await this.#look()).ClientStatus;
  }

  async events(): Promise<string> {
    const { Events = [] } = (await this.#look()).TaskStates?.["a"] ?? {};
    return Events.map((event) => `${event.Type}: ${event.DisplayMessage}`).join("\n");
  }

  async #look() {
    return v.parse(AllocSchema, await this.#agent.get(`/v1/allocation/${this.id}`));
  }
}

export async function submit(agent: TestAgent, path: string, body: unknown): Promise<string> {
  const response = await fetch(`${agent.nomad}${path}`, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
  return text;
}

/** The job's allocation, once there is one. */
export async function allocOf(agent: TestAgent, job: string): Promise<Watched | undefined> {
  const found = v.parse(AllocsSchema, await agent.get(`/v1/job/${encodeURIComponent(job)}/allocations`))[0];
  return found === undefined ? undefined : new Watched(agent, found.ID);
}

export async function put(agent: TestAgent, key: string, value: string): Promise<void> {
  const response = await fetch(`${agent.consul}/v1/kv/${key}`, { method: "PUT", body: value });
  if (response.status !== 200) throw new Error(`kv put ${key}: ${response.status}`);
}

/** What is in `local/x` of a job's allocations, where it is there. */
export async function filesOf(
  agent: TestAgent,
  job: string,
  get: (path: string) => Promise<string>,
): Promise<string[]> {
  const allocs = v.parse(v.pipe(v.string(), v.parseJson(), AllocsSchema), await get(`/v1/job/${job}/allocations`));
  return allocs.map(({ ID }) => new Watched(agent, ID).text("local/x")).filter((text) => text !== "");
}
