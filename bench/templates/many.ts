import { setTimeout as wait } from "node:timers/promises";
import { testAgent, type AgentOptions } from "#test/scenario/agent.ts";
import { measureOf, type BenchContext, type Measure } from "../harness.ts";
import { untilAllRunning } from "../path/jobs.ts";
import { anonymousMb, AT_ONCE, processorSeconds, put, templateJob } from "./follow.ts";

const TASKS = 100;
const TEMPLATES_OF_EACH = 10;
const SERVICES = 200;
/** An agent gives back what a burst took once it is idle: by now. */
const SETTLE_MS = 45_000;

/** A thousand templates over two hundred services, each asked for by five of them; one agent that follows all. */
export async function manyTemplates(context: BenchContext, options: AgentOptions): Promise<Measure[]> {
  // What is followed is said at this level, and only while it begins.
  const agent = await testAgent({ ...options, logLevel: "debug" });
  context.defer(() => agent.remove());
  for (let at = 0; at < SERVICES; at++) {
    const body = JSON.stringify({ Name: `svc-${at}`, ID: `svc-${at}`, Port: 1000 + at, Tags: ["bench"] });
    await put(agent, "/v1/agent/service/register", body);
  }
  await wait(SETTLE_MS);
  const idleMs = context.quick ? 20_000 : 60_000;
  const memoryBefore = anonymousMb(agent.pid());
  const idle = await share(agent.pid(), idleMs);
  const templates = Array.from({ length: TEMPLATES_OF_EACH }, (_, at) => ({ text: textOf(at), wait: AT_ONCE }));
  await untilAllRunning(agent, templateJob("bench-templates", templates, TASKS), TASKS);
  await wait(SETTLE_MS);
  const memory = anonymousMb(agent.pid()) - memoryBefore;
  const busy = await share(agent.pid(), idleMs);
  const followed = agent.log().match(/\bfollowing\b[^\n]*health\.service\(svc-\d+\|passing\)/g) ?? [];
  const distinct = new Set(followed.map((line) => /svc-\d+/.exec(line)?.[0]));
  context.say(`${memory.toFixed(1)} MB; ${idle.toFixed(2)} % before, ${busy.toFixed(2)} % with templates`);
  context.say(`${followed.length} watches of ${distinct.size} services`);
  const less = { better: "less" } as const;
  const atMost = (bound: number, unit: string) => ({ text: `≤ ${bound} ${unit}`, atMost: bound });
  return [
    measureOf(
      { ...less, unit: "MB", name: "1,000 templates of 200 services: memory", target: atMost(60, "MB") },
      memory,
    ),
    measureOf({ ...less, unit: "%", name: "… of a core, nothing changes", target: atMost(1, "%") }, busy - idle),
    measureOf(
      { ...less, unit: "%", name: "… requests to distinct services", target: atMost(100, "%") },
      (100 * followed.length) / SERVICES,
    ),
  ];
}

/** Which service: five templates of the thousand for each. */
function textOf(at: number): string {
  const which = `(printf "svc-%d" (modulo ${SERVICES} (add ${at} (multiply ${TEMPLATES_OF_EACH} (env "NOMAD_ALLOC_INDEX" | parseInt)))))`;
  return `{{ range service ${which} }}{{ .Name }} {{ .Address }}:{{ .Port }}\n{{ end }}`;
}

/** Per cent of a core over a while. */
async function share(pid: number, ms: number): Promise<number> {
  const before = processorSeconds(pid);
  await wait(ms);
  return ((processorSeconds(pid) - before) / (ms / 1000)) * 100;
}
