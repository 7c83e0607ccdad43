import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Timer } from "#base/env/clock.ts";
import type { Child } from "#base/env/exec.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Machine } from "../apply/machine.ts";
import { readActive } from "../apply/reconcile.ts";
import type { Status } from "../apply/state-folder.ts";
import { leftMs } from "../apply/machine-time.ts";
import { reconcileNow, rollBack } from "../apply/transaction.ts";
import { fetchVariables } from "../apply/variables.ts";
import type { Guard } from "../share/answer-request.ts";
import { SharedSettings } from "../share/shared-settings.ts";
import { LineChange } from "./line-change.ts";
import { FollowedServices } from "./follow-services.ts";
import { LineHealth } from "./health.ts";
import { PublicNames } from "./names.ts";
import { composeReport, confirmUntil } from "./report.ts";
import { Supervisor } from "./supervisor.ts";

export interface RunningRouter {
  stop(): Promise<void>;
}

/** News come in bursts: a lease is an address, a route and a word of the client. */
const QUIET_MS = 150;
/** What other processes write into the state folder is looked for this often. */
const LOOK_MS = 2000;
const RETRY_MS = 5000;
/** Variables change when a person changes them. */
const VARIABLES_MS = 60_000;
const TERM = 15;

export interface RouterOptions {
  readonly consul: ConsulClient;
  /** How the cluster calls this machine. */
  readonly node: string;
  readonly guard: Guard;
}

/**
 * Keeps this machine a router until stopped. What stands then stays: an upgrade of the router interrupts nobody. Only a
 * change that was tried for the cluster and not confirmed goes.
 */
export async function startRouter(machine: Machine, options: RouterOptions): Promise<RunningRouter> {
  const router = new Router(machine, options);
  await machine.state.prepare();
  await router.start();
  return router;
}

class Router implements RunningRouter {
  readonly #machine: Machine;
  readonly #supervisor: Supervisor;
  readonly #health: LineHealth;
  readonly #services: FollowedServices;
  readonly #names: PublicNames;
  readonly #lineChange: LineChange;
  readonly #shared: SharedSettings;
  /** A change whose watchdog we started: it ends with our task's processes. */
  #guarded: string | undefined;
  #monitor: Child | undefined;
  #turn: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  readonly #timers = new Map<string, Timer>();
  #seen = "";
  #written = "";
  #problems: readonly string[] = [];
  #variableProblem = "";
  #decided = false;

  constructor(machine: Machine, { consul, node, guard }: RouterOptions) {
    this.#machine = machine;
    const { env, state } = machine;
    const wake = (): void => this.#wake();
    this.#supervisor = new Supervisor({ env, folder: state.at("run"), onNews: wake });
    this.#health = new LineHealth({ env, onChange: wake });
    this.#services = new FollowedServices({ env, consul, onChange: wake });
    this.#names = new PublicNames(env, wake);
    this.#lineChange = new LineChange(env);
    this.#shared = new SharedSettings({
      machine,
      consul,
      node,
      onChange: wake,
      guard: async (id, withinMs) => {
        this.#guarded = id;
        await guard(id, withinMs);
      },
    });
  }

  async start(): Promise<void> {
    await this.#follow();
    this.#look();
    this.#wake();
    this.#shared.start();
    this.#readVariables();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#health.stop();
    this.#services.stop();
    await this.#shared.stop();
    if (this.#guarded !== undefined) await rollBack(this.#machine, this.#guarded);
    await this.#turn;
    const monitor = this.#monitor;
    if (monitor !== undefined) {
      this.#machine.env.exec.kill(monitor.pid, TERM);
      await monitor.exited;
    }
    await this.#supervisor.stop();
  }

  #after(name: string, ms: number, run: () => void): void {
    this.#timers.get(name)?.cancel();
    if (!this.#stopped) this.#timers.set(name, this.#machine.env.clock.after(ms, run));
  }

  #wake(): void {
    this.#after("quiet", QUIET_MS, () => {
      if (this.#turn !== undefined) this.#again = true;
      else this.#turn = this.#run().finally(() => (this.#turn = undefined));
    });
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#decideAgain();
      } catch (thrown) {
        this.#machine.env.log.error("the router could not look after its machine", { error: messageOf(thrown) });
        this.#after("retry", RETRY_MS, () => this.#wake());
      }
      // Another wake-up may have asked for more in between.
    } while (this.#again && !this.#stopped);
  }

  async #decideAgain(): Promise<void> {
    const { env, state } = this.#machine;
    await this.#writeStatus();
    const done = await reconcileNow(this.#machine);
    if (this.#stopped) return;
    if (!done.ok) {
      env.log.error(done.error.message, { hint: done.error.hint });
      this.#problems = [done.error.message];
      await this.#writeStatus();
      return this.#after("retry", RETRY_MS, () => this.#wake());
    }
    const { change, config, desired, facts } = done.value;
    for (const { title } of change.steps) env.log.info(title);
    await this.#lineChange.follow(config, facts);
    const before = await state.readStatus();
    this.#decided = true;
    this.#health.follow(config.wans, before.lines);
    this.#services.follow(config.forwards, before.services);
    this.#names.follow(config, facts);
    await this.#supervisor.follow(desired.programs, new Set(await env.disk.list("/sys/class/net")));
    this.#problems = [];
    await this.#writeStatus();
    const report = composeReport(done.value, await state.readStatus(), await confirmUntil(this.#machine));
    this.#shared.tell(JSON.stringify({ ...report, differs: [] }));
  }

  /** Others read it: commands, and the plan itself, for what only the running router knows. */
  async #writeStatus(): Promise<void> {
    const { env, state } = this.#machine;
    // Before the first decision, what an earlier router knew holds.
    if (!this.#decided) return;
    const instances = this.#services.instances();
    const status: Omit<Status, "updatedMs"> = {
      lines: { ...this.#health.states() },
      services: Object.fromEntries(Object.entries(instances).map(([key, list]) => [key, [...list]])),
      programs: { ...this.#supervisor.states() },
      problems: [
        ...this.#problems,
        ...(this.#variableProblem === "" ? [] : [this.#variableProblem]),
        ...this.#shared.problems(),
        ...this.#names.problems(),
      ],
    };
    const text = JSON.stringify(status);
    if (text === this.#written) return;
    this.#written = text;
    await state.writeStatus({ ...status, updatedMs: env.clock.nowMs() });
  }

  /** Addresses, links and routes that change by themselves: the kernel says so. */
  async #follow(): Promise<void> {
    const { env } = this.#machine;
    if (this.#stopped) return;
    try {
      this.#monitor = await env.exec.spawn(["ip", "-o", "monitor", "link", "address"], {
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "ignore",
        detached: false,
        onOutput: () => this.#wake(),
      });
      void this.#monitor.exited.then(() => {
        this.#monitor = undefined;
        this.#after("monitor", RETRY_MS, () => void this.#follow());
      });
    } catch (thrown) {
      env.log.error("cannot watch the machine's interfaces", { error: messageOf(thrown) });
    }
  }

  /** Secrets that were changed in the cluster reach the programs that need them; what cannot be read stays as it was. */
  #readVariables(): void {
    const machine = this.#machine;
    const { env, state } = machine;
    const read = async (): Promise<void> => {
      const config = await readActive(state);
      if (!config.ok) return;
      const fetched = await fetchVariables(machine, config.value, { all: true });
      const problem = fetched.ok ? "" : fetched.error.message;
      if (problem !== "" && problem !== this.#variableProblem)
        env.log.warn(problem, { hint: fetched.ok ? "" : fetched.error.hint });
      if ((fetched.ok && fetched.value) || problem !== this.#variableProblem) this.#wake();
      this.#variableProblem = problem;
    };
    void read()
      .catch((thrown: unknown) => env.log.error("cannot keep the cluster's variables", { error: messageOf(thrown) }))
      .finally(() => this.#after("variables", VARIABLES_MS, () => this.#readVariables()));
  }

  /** Commands change the configuration in force, and a change that is overdue has to go. */
  #look(): void {
    const { env, state } = this.#machine;
    const look = async (): Promise<void> => {
      const stats = await Promise.all(["active.hcl", "pending.json"].map((name) => env.disk.stat(state.at(name))));
      const seen = JSON.stringify(stats);
      const pending = await state.readPending();
      const overdue = pending !== undefined && (await leftMs(env, pending)) === 0;
      if (seen !== this.#seen || overdue) this.#wake();
      await this.#shared.lookAgain();
      this.#seen = seen;
    };
    void look()
      .catch((thrown: unknown) => env.log.error("cannot read the router's memory", { error: messageOf(thrown) }))
      .finally(() => this.#after("look", LOOK_MS, () => this.#look()));
  }
}
