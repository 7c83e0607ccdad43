import type { Instance } from "#base/client/templates/dependency.ts";
import type { TemplateData } from "#base/client/templates/template.ts";
import { buildConfig, Known } from "#ingress/config/build.ts";
import { commandsFor, Planner, type Plan } from "#ingress/control/plan.ts";
import { createRenderer } from "#ingress/control/render.ts";
import { liveContestants } from "./ingress/live-ingress.ts";
import { timeMs, type Bench } from "./harness.ts";

const SERVERS = 4;
/** In one turn: an ingress runs for months, its first change says little. */
const CHANGES = 20;

/** What the ingress itself costs, beside HAProxy's own time: the catalog read anew after one instance of a thousand services changed. */
export const bench: Bench = {
  name: "ingress",
  title: "Ingress: from the catalog to HAProxy",
  async run(context) {
    const { quick } = context;
    const [few, many] = quick ? [200, 1000] : [1000, 5000];
    const step = changes(few);
    const measures = await context.takeTurns([
      {
        name: `${few.toLocaleString("en")} routes × ${SERVERS} servers: one change`,
        unit: "ms",
        better: "less",
        target: { text: "≤ 30 ms", atMost: 30 },
        turn: async () => (await timeMs(() => repeat(step, CHANGES))) / CHANGES,
      },
      {
        name: `${many.toLocaleString("en")} backends: first rendering`,
        unit: "ms",
        better: "less",
        target: { text: "≤ 1 s", atMost: 1000 },
        turn: () => timeMs(changes(many, false)),
      },
    ]);
    const seen = await context.takeTurns(await liveContestants(context));
    return { measures: [...measures, ...seen] };
  },
};

/** A step that moves one instance and ends in the commands for it. */
function changes(services: number, warm = true): () => void {
  const catalog = Array.from({ length: services }, (_, number) => instancesOf(number));
  const names = Object.fromEntries(
    catalog.map((instances, number) => [`service-${number}`, [...(instances[0]?.tags ?? [])]]),
  );
  const known = new Known();
  const planner = new Planner({ render: createRenderer({ maxConnections: 4000 }) });
  let running: Plan | undefined;
  let moved = 0;
  const data: TemplateData = {
    services: () => names,
    service: () => [],
    everyInstance: (name) => catalog[Number(name.slice(8))] ?? [],
    key: () => undefined,
    prefix: () => [],
  };
  const step = (): void => {
    moved += 1;
    catalog[moved % services] = instancesOf(moved % services, moved);
    const config = buildConfig(data, { host: "127.0.0.1", httpPort: 80, entryPoints: {}, known, store: "s" });
    const next = planner.plan(config, data, running?.slots);
    if (running !== undefined && commandsFor(running, next) === undefined) throw new Error("a reload was not expected");
    running = next;
  };
  if (warm) repeat(step, CHANGES);
  return step;
}

function instancesOf(service: number, moved = 0): readonly Instance[] {
  return Array.from({ length: SERVERS }, (_, at) => ({
    id: `${service}-${at}`,
    name: `service-${service}`,
    node: "n",
    address: "10.0.0.1",
    port: 1000 + at + (at === 0 ? (moved % 1000) * SERVERS : 0),
    tags: [`lares.host=service-${service}.test`, "lares.path=/", "lares.set-header=X-A: b"],
    meta: {},
    passing: true,
    createIndex: at,
  }));
}

function repeat(work: () => void, times: number): void {
  for (let time = 0; time < times; time++) work();
}
