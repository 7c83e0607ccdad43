import { assert } from "#base/env/assert.ts";
import { textOf } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { RenderedFiles } from "../../checkers/rendered-files.ts";
import { drawFaults, FaultInjector } from "../../faults.ts";
import type { Machine, SimNode } from "../../machine/node.ts";
import type { Scenario } from "../../scenario.ts";
import type { World } from "../../world.ts";
import type { LeaseServer } from "./lease-server.ts";
import { OUT, runRunnerNode, type RunnerNode } from "./runner-node.ts";
import { CONSUL_PORT, runSourceNode, type Trouble } from "./source-node.ts";

const FAULTY_MS = 60_000;
const CONVERGENCE_MS = 240_000;
/** Long enough for a lease to end twice. */
const STEADY_MS = 130_000;
const QUIET_MS = 500;
/** Longer than any request is held up. */
const SLOWEST_MS = 12_000;

const TEMPLATE =
  'a={{ key "a" }} b={{ key "b" }}{{ range ls "list" }} {{ .Key }}={{ .Value }}{{ end }} {{ with secret "database/creds/app" }}{{ .Data.username }}{{ end }}';
const WHOLE = /^a=\d+ b=\d+(?: i\d=\d+)* user-\d+-\d+$/;
const KEYS = ["a", "b", "list/i1", "list/i2", "list/i3"];

/** Runners, alone or sharing what they ask, over servers that are slow, refuse, talk nonsense and forget everything. */
export const templates: Scenario = {
  name: "templates",
  title: "the last written file is the final state, no write has anything missing",
  run: (world) => new TemplatesRun(world).run(),
};

class TemplatesRun {
  readonly #world: World;
  readonly #files = new RenderedFiles(WHOLE, QUIET_MS);
  readonly #trouble: Trouble;
  readonly #runners = new Map<string, RunnerNode>();
  readonly #isShared: boolean;
  #leases: LeaseServer | undefined;
  #wanted: ReadonlyMap<string, string> | undefined;
  #isStored = false;
  #count = 0;

  constructor(world: World) {
    const random = world.random.fork();
    const some = (most: number): number => (random.chance(0.6) ? random.between(0, most) : 0);
    this.#world = world;
    this.#isShared = random.chance(0.5);
    this.#trouble = { slow: some(0.3), refuses: some(0.4), nonsense: some(0.4) };
    world.addCheckers(this.#files);
  }

  async run(): Promise<void> {
    const world = this.#world;
    const source = world.addNode("source", async (machine) => {
      this.#leases = await runSourceNode(machine, this.#trouble);
    });
    const runners = ["one", "two", "three"].map((name) => world.addNode(name, (machine) => this.#boot(machine)));
    const writer = world.addNode("writer", (machine) => this.#write(machine));
    const faults = new FaultInjector(world, drawFaults(world.random.fork(), 15_000), [source, ...runners]);
    for (const node of [source, ...runners, writer]) node.start();
    faults.start();
    await world.advance(FAULTY_MS);
    faults.heal();
    Object.assign(this.#trouble, { slow: 0, refuses: 0, nonsense: 0 });
    this.#wanted = new Map(KEYS.map((key) => [key, String(++this.#count)]));
    await this.#converges(runners, "after the faults ended");
    await world.advance(STEADY_MS);
    await this.#converges(runners, "after its leases ended");
    const leaders = [...this.#runners.values()].filter(({ leads }) => leads?.() === true);
    if (this.#isShared) assert(leaders.length === 1, `seed ${world.seed}: ${leaders.length} of 3 runners ask for all`);
  }

  #boot(machine: Machine): void {
    const wait = { minMs: QUIET_MS, maxMs: 4 * QUIET_MS };
    const run = { template: TEMPLATE, wait, files: this.#files, dedup: this.#isShared };
    this.#runners.set(machine.name, runRunnerNode(machine, "source", run));
  }

  async #converges(runners: readonly SimNode[], when: string): Promise<void> {
    const world = this.#world;
    const isRight = await world.advanceUntil(
      () => this.#isStored && runners.every((node) => this.#isFinal(node)),
      CONVERGENCE_MS,
    );
    const found = runners.map((node) => `${node.name}: ${contentOf(node)}`).join("; ");
    assert(isRight, `seed ${world.seed}: files are not the final state ${when}: ${found}`);
  }

  #isFinal(node: SimNode): boolean {
    const [user = ""] = /user-\S+$/.exec(contentOf(node)) ?? [];
    const list = KEYS.slice(2).map((key) => ` ${key.slice(5)}=${this.#wanted?.get(key)}`);
    const text = `a=${this.#wanted?.get("a")} b=${this.#wanted?.get("b")}${list.join("")} ${user}`;
    return contentOf(node) === text && this.#leases?.isGood(user) === true;
  }

  /** Something else all the time; at last what is wanted, until it is there. */
  async #write({ env }: Machine): Promise<void> {
    for (;;) {
      const wanted = this.#wanted;
      // A write that was given up may still be on its way.
      if (wanted !== undefined) await sleep(env.clock, SLOWEST_MS);
      try {
        for (const key of wanted === undefined ? [KEYS[Math.floor(env.random.float() * 5)] ?? "a"] : KEYS)
          await put(env, key, wanted?.get(key) ?? String(++this.#count));
        if (wanted !== undefined) {
          this.#isStored = true;
          return;
        }
      } catch (thrown) {
        env.log.debug("not written", { error: messageOf(thrown) });
      }
      await sleep(env.clock, env.random.float() * (env.random.float() < 0.2 ? 6000 : 200));
    }
  }
}

async function put({ http }: Machine["env"], key: string, value: string): Promise<void> {
  const url = `http://source:${CONSUL_PORT}/v1/kv/${key}`;
  const answer = await http.request({ url, method: "PUT", body: value, timeoutMs: 2000 });
  if ((await answer.text()).trim() !== "true") throw new Error(`${key} was not written`);
}

function contentOf(node: SimNode): string {
  const entry = node.files.follow(OUT);
  return entry?.kind === "file" ? textOf(entry.bytes.subarray(0, entry.size)) : "";
}
