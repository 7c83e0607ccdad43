import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { AgentServiceDefinitionSchema, type CheckStatus } from "#base/protocol/catalog.ts";
import type { ServiceRegistry } from "#daemons/scheduler/client/service-registry.ts";
import { readChecks, type Checks } from "#os-image/firmware/check/check-tables.ts";
import { evaluate } from "#os-image/firmware/check/evaluate.ts";
import type { Subject } from "#os-image/firmware/check/subject.ts";
import { hardwareProblems, readHardware } from "#os-image/firmware/node/hardware.ts";

/** In the catalog, on each node with our firmware: what alerts are made from. */
const SERVICE = "lares-firmware";
const FIRST_MS = 30_000;
const EVERY_MS = 300_000;
/** Silence for so long counts as failure. */
const SILENCE = "16m";
const HARDWARE = "hardware";

export interface MachineChecksDeps {
  readonly env: Pick<Env, "clock" | "log">;
  readonly registry: Pick<ServiceRegistry, "register" | "report">;
  readonly subject: Subject;
  /** Files `NAME.checks.hcl`, each of which becomes one check. */
  readonly folder: string;
  /** For sensors. Default `/`. */
  readonly root?: string;
  /** What went wrong since the start. */
  readonly troubles: () => Promise<readonly string[]>;
}

/** The checks the image was built with are asked of the machine while it runs, and told to the catalog. */
export class MachineChecks {
  readonly #deps: MachineChecksDeps;
  #checks: readonly Checks[] = [];
  #timer: Timer | undefined;
  #isOver = false;
  #working: Promise<void> = Promise.resolve();

  constructor(deps: MachineChecksDeps) {
    this.#deps = deps;
  }

  /** Rejects where a file of checks has a mistake. */
  async start(): Promise<void> {
    const { registry, folder } = this.#deps;
    this.#checks = await readFolder(folder);
    const names = [...this.#checks.map(({ name }) => name), HARDWARE];
    const Checks = names.map((name) => ({
      CheckID: idOf(name),
      Name: name === HARDWARE ? "Sensors, and what went wrong since the start" : `The image's checks: ${name}`,
      TTL: SILENCE,
      Status: "passing",
    }));
    await registry.register(v.parse(AgentServiceDefinitionSchema, { ID: SERVICE, Name: SERVICE, Checks }));
    this.#arm(FIRST_MS);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#timer?.cancel();
    await this.#working;
  }

  /** Looks once, and tells. */
  async look(): Promise<void> {
    const { registry, subject, root = "/", troubles } = this.#deps;
    for (const checks of this.#checks) {
      const outcomes = await evaluate(checks, subject);
      const failed = outcomes.filter(({ result }) => result === "failed");
      const said = failed.map(({ resource, problem }) => `${resource}: ${problem}`).join("\n");
      const all = `${outcomes.length} as they have to be`;
      registry.report(idOf(checks.name), failed.length === 0 ? "passing" : "critical", said === "" ? all : said);
    }
    const problems = [...hardwareProblems(await readHardware(root)), ...(await troubles())];
    const status: CheckStatus = problems.length === 0 ? "passing" : "warning";
    registry.report(idOf(HARDWARE), status, problems.length === 0 ? "nothing went wrong" : problems.join("\n"));
  }

  #arm(afterMs: number): void {
    if (this.#isOver) return;
    this.#timer = this.#deps.env.clock.after(afterMs, () => {
      this.#working = this.look()
        .catch((thrown: unknown) =>
          this.#deps.env.log.warn("the machine's checks could not be asked", { error: messageOf(thrown) }),
        )
        .finally(() => this.#arm(EVERY_MS));
    });
  }
}

async function readFolder(folder: string): Promise<readonly Checks[]> {
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith(".checks.hcl"));
  const found: Checks[] = [];
  for (const name of names.toSorted()) {
    const text = await readFile(join(folder, name), "utf8");
    const read = readChecks(join(folder, name), () => text);
    if (!read.ok) throw new Error(read.error.message);
    found.push(read.value);
  }
  return found;
}

function idOf(name: string): string {
  return `${SERVICE}:${name}`;
}
