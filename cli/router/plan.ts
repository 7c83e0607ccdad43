import { checkRuleset, decide } from "#daemons/router/apply/reconcile.ts";
import { planLines } from "#daemons/router/serve/report.ts";
import { printed } from "../print/show.ts";
import { PATIENCE_MS } from "./apply.ts";
import { askRouters, routerCluster } from "./cluster.ts";
import { oneOperand, readConfigFile, valueOrThrow, withMachine } from "./machine.ts";

/** `FILE`: exit code 0 when nothing would change, 2 when something would. */
export const plan = withMachine(async (invocation) => {
  const { machine, env, output, flags } = invocation;
  const { text, config } = readConfigFile(oneOperand(invocation, "configuration"));
  const cluster = flags.on("ruleset") ? undefined : await routerCluster(invocation, env);
  if (cluster !== undefined) {
    const replies = await askRouters(cluster, { kind: "plan", text }, { env, patienceMs: PATIENCE_MS });
    if (!(await printed({ flags, output }, replies)))
      for (const { node, lines } of replies)
        for (const line of [`On ${node}:`, ...lines.map((each) => `  ${each}`)]) output.line(line);
    return replies.every(({ changes }) => changes === 0) ? 0 : 2;
  }
  const decided = valueOrThrow(await decide(machine, config));
  valueOrThrow(await checkRuleset(machine.env, decided.desired.ruleset));
  const { change, desired } = decided;
  const answer = {
    steps: change.steps.map(({ title, argv }) => ({ title, argv })),
    programs: desired.programs.map(({ name, argv }) => ({ name, argv })),
    notes: desired.notes,
    ruleset: desired.ruleset,
  };
  if (!(await printed({ flags, output }, answer))) {
    for (const line of planLines(decided)) output.line(line);
    if (flags.on("ruleset")) output.write(desired.ruleset);
  }
  return change.steps.length === 0 ? 0 : 2;
});
