import test from "ava";
import fc from "fast-check";
import { clientStatus, isTerminal, type KnownAlloc } from "#daemons/scheduler/server/alloc-state.ts";
import { deployments, nodes } from "#base/state/tables.ts";
import { NodeCapacity } from "#sim/checkers/node-capacity.ts";
import { OneAllocPerName } from "#sim/checkers/one-alloc-per-name.ts";
import { Rollout } from "#sim/checkers/rollout.ts";
import { ScriptedCluster } from "../cluster.ts";
import { perform } from "../commands.ts";
import { Labels, picture } from "../render.ts";

const NODES = ["n1", "n2", "n3"];
const node = fc.constantFrom(...NODES);
const job = fc
  .record({
    count: fc.integer({ min: 0, max: 4 }),
    env: fc.constantFrom("a", "b", "c"),
    kind: fc.constantFrom(
      "",
      "max_parallel=2",
      "canary=1 auto_promote=true",
      "canary=2",
      "max_parallel=0",
      "auto_revert=true",
    ),
    away: fc.constantFrom("", "lost_after=1m", "lost_after=1m reconcile=keep_original", "lost_after=10m replace=false"),
  })
  .map(({ count, env, kind, away }) => `run app count=${count} env=${env} ${kind} ${away}`.trim());
const pick = fc.nat({ max: 30 });
/** `?` stands for an allocation of the job, whichever. */
const command = fc.oneof(
  job,
  fc.tuple(fc.constantFrom("silent", "back", "eligible", "ineligible"), node).map((words) => words.join(" ")),
  fc
    .tuple(fc.constantFrom("drain", "undrain"), node, fc.constantFrom("deadline=30s", "deadline=force"))
    .map((words) => words.join(" ")),
  fc
    .tuple(fc.constantFrom("fail", "complete", "healthy", "unhealthy", "stop-alloc"), pick)
    .map(([verb, at]) => `${verb} ?${at}`),
  fc.constantFrom("wait 10s", "wait 40s", "wait 2m", "restart-server", "promote !", "evaluate app", "gc"),
);

class Watched {
  readonly cluster = new ScriptedCluster();
  readonly labels = new Labels();
  readonly #checkers = { names: new OneAllocPerName(), capacity: new NodeCapacity(), rollout: new Rollout() };

  known(): KnownAlloc[] {
    return this.cluster.server.context.state.jobAllocs("default", "app");
  }

  /** Carries the line out, and says what is wrong then. */
  async do(line: string): Promise<string | undefined> {
    picture(this.cluster.server, this.labels, 0);
    const wanted = this.known().filter((each) => !isTerminal(each));
    const [, verb = "", index] = /^(\S+) \?(\d+)$/.exec(line) ?? [];
    const chosen = index === undefined ? undefined : wanted[Number(index) % Math.max(1, wanted.length)];
    if (index !== undefined && chosen === undefined) return undefined;
    const deployment = this.cluster.server.context.state.jobDeployments("default", "app")[0];
    if (line === "promote !" && deployment === undefined) return undefined;
    const full = line.replace("!", this.labels.of("d", deployment?.id ?? "none"));
    await perform(
      this.cluster,
      this.labels,
      chosen === undefined ? full : `${verb} ${this.labels.of("a", chosen.alloc.ID)}`,
    );
    return this.#check();
  }

  #check(): string | undefined {
    const { state } = this.cluster.server.context;
    const known = this.known();
    const wanted = known.filter((each) => !isTerminal(each));
    const seen = wanted.filter((each) => !each.alloc.Canary && clientStatus(each) !== "unknown");
    for (const same of Map.groupBy(seen, ({ alloc }) => alloc.JobVersion).values()) {
      this.#checkers.names.compare(same.map(({ alloc }) => alloc));
    }
    for (const { value } of state.view.table(nodes).list()) {
      const here = wanted.filter(({ alloc }) => alloc.NodeID === value.ID).map(({ alloc }) => alloc);
      this.#checkers.capacity.compare(value, here);
    }
    for (const row of state.view.table(deployments).list()) {
      this.#checkers.rollout.compare(row, state.deploymentAllocs(row.id), known);
    }
    return Object.values(this.#checkers)
      .map((checker) => checker.check())
      .find((violation) => violation !== undefined);
  }
}

test("whatever happens to a job: no name twice, no node too full, no more than max_parallel in the open; then all is well", async (t) => {
  const property = fc.asyncProperty(fc.array(command, { minLength: 3, maxLength: 25 }), async (lines) => {
    const watched = new Watched();
    const { cluster } = watched;
    await cluster.start();
    const setup = NODES.map((name) => `node ${name} cpu=2500`);
    const calm = NODES.flatMap((name) => [`back ${name}`, `undrain ${name}`]);
    for (const line of [...setup, "run app count=2", ...lines, ...calm, "wait 1m"]) {
      const violation = await watched.do(line);
      if (violation !== undefined) throw new Error(`${line}: ${violation}`);
    }
    // A last version that nobody disturbs comes up whole.
    await watched.do("run app count=3 env=last");
    for (let round = 0; round < 12; round++) {
      for (const { alloc, report } of watched.known()) {
        const open = alloc.DesiredStatus === "run" && report?.ClientStatus === "running";
        if (open)
          cluster.report(alloc, { DeploymentStatus: { Healthy: true, Timestamp: cluster.env.clock.nowMs() * 1e6 } });
      }
      await cluster.wait(5000);
    }
    const running = watched
      .known()
      .filter((each) => each.alloc.DesiredStatus === "run" && clientStatus(each) === "running");
    const version = cluster.server.context.state.job("default", "app")?.value.Version;
    cluster.server.stop();
    const right = running.length === 3 && running.every(({ alloc }) => alloc.JobVersion === version);
    if (!right)
      throw new Error(
        `${running.length} of 3 run: ${running.map(({ alloc }) => `${alloc.Name} v${alloc.JobVersion}`).join(", ")}`,
      );
  });
  await fc.assert(property, { numRuns: 60, seed: 20261121 });
  t.pass();
});
