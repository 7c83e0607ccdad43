import { readAgentConfig } from "#base/language/agent-config/read-config.ts";
import type { Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { parseJob } from "#base/language/jobspec/parse-job.ts";

const BLOCK = /^```hcl\n(.*?)^```/gms;
/** Stands for what an example leaves out. */
const LEFT_OUT = "…";

const TASK = 'task "t" {\ndriver = "exec"\n';
const BARE = `${TASK}}\n`;

/** What stands around an example that begins with such a block. */
const AROUND: Readonly<Record<string, readonly [before: string, after: string]>> = {
  job: ["", ""],
  constraint: ['job "j" {\n', `group "g" {\n${BARE}}\n}`],
  group: ['job "j" {\n', "}"],
  task: ['job "j" {\ngroup "g" {\n', "}\n}"],
  ...Object.fromEntries(
    ["network", "restart", "reschedule", "update", "disconnect"].map((name) => [
      name,
      ['job "j" {\ngroup "g" {\n', `${BARE}}\n}`],
    ]),
  ),
  ...Object.fromEntries(
    ["service", "resources", "lifecycle", "artifact", "identity", "template"].map((name) => [
      name,
      [`job "j" {\ngroup "g" {\n${TASK}`, "}\n}\n}"],
    ]),
  ),
};
const AGENT = ["client", "plugin", "server", "discovery", "telemetry", "ports", "acl", "audit"];

export interface Example {
  /** First line in the manual. */
  readonly line: number;
  readonly problems: readonly Diagnostic[];
}

/** Examples of jobs and of agents' configurations in a manual that leave nothing out, and what is wrong with each. */
export function readExamples(name: string, manual: string): readonly Example[] {
  return [...manual.matchAll(BLOCK)].flatMap(({ index, 1: text = "" }) => {
    if (text.includes(LEFT_OUT)) return [];
    const line = manual.slice(0, index).split("\n").length + 1;
    const first = /^(?:\s*#.*\n)*\s*([a-z_]+)/.exec(text)?.[1] ?? "";
    const around = AROUND[first];
    if (around !== undefined) {
      const source = `${around[0]}${text}${around[1]}\n`;
      const parsed = parseJob({ source, fileName: name, variables: [] });
      return [{ line, problems: parsed.ok ? [] : parsed.diagnostics }];
    }
    if (!AGENT.includes(first)) return [];
    const read = readAgentConfig({ files: [{ name, text }] });
    return [{ line, problems: read.ok ? [] : read.diagnostics }];
  });
}
