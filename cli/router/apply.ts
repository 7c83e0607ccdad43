import { CodedError } from "#base/env/errors.ts";
import { readDuration } from "#base/language/duration.ts";
import { checkRuleset, decide } from "#daemons/router/apply/reconcile.ts";
import { applyConfig, CONFIRM_WITHIN_MS, confirmConfig, rollBack } from "#daemons/router/apply/transaction.ts";
import { planLines } from "#daemons/router/serve/report.ts";
import type { RouterRequest } from "#daemons/router/share/keys.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { definedEntries } from "../command/environment.ts";
import { askRouters, routerCluster } from "./cluster.ts";
import { formerConfig } from "./history.ts";
import {
  oneOperand,
  readConfigFile,
  readConfigText,
  valueOrThrow,
  withMachine,
  type RouterInvocation,
} from "./machine.ts";
import { startWatchdog } from "./watchdog.ts";

const SHORTEST_MS = 1000;
/** Steps take a few seconds, and a step that fails as long to be taken back. */
export const PATIENCE_MS = 45_000;

/** `FILE`. The way back is prepared before the first step, and belongs to a process of its own. */
export const apply = withMachine(async (invocation) => {
  const { env, output, flags } = invocation;
  const cluster = await routerCluster(invocation, env);
  const version = flags.value("history");
  if (version !== undefined && cluster === undefined)
    throw new UsageError("-history is the cluster's: no router of a cluster answers");
  const { text } =
    version === undefined || cluster === undefined
      ? readConfigFile(oneOperand(invocation, "configuration"))
      : readConfigText(version, await formerConfig(cluster, version));
  const withinMs = within(flags);
  const isKept = flags.on("auto-confirm");
  if (cluster === undefined) await applyHere(invocation, { text, withinMs });
  else {
    const ask = { kind: "apply", text, withinMs, autoConfirm: isKept } as const;
    for (const { node, lines } of await askRouters(cluster, ask, { env, patienceMs: PATIENCE_MS }))
      for (const line of [`On ${node}:`, ...lines.map((each) => `  ${each}`)]) output.line(line);
  }
  if (isKept) output.line("Applied and confirmed.");
  else
    output.line(`Applied. Without "lares router confirm" it is taken back in ${Math.round(withinMs / 1000)} seconds.`);
  return 0;
});

export const confirm = withMachine(async (invocation) => {
  if (!(await asked(invocation, "confirm"))) valueOrThrow(await confirmConfig(invocation.machine));
  invocation.output.line("Confirmed.");
  return 0;
});

export const rollback = withMachine(async (invocation) => {
  if (!(await asked(invocation, "rollback")) && !valueOrThrow(await rollBack(invocation.machine)))
    throw new CodedError("router_nothing", "no change waits for confirmation", "see: lares router status");
  invocation.output.line("Taken back.");
  return 0;
});

/** False: there is no cluster to ask. */
async function asked(invocation: RouterInvocation, kind: RouterRequest["kind"]): Promise<boolean> {
  const { env } = invocation;
  const cluster = await routerCluster(invocation, env);
  if (cluster === undefined) return false;
  await askRouters(cluster, { kind }, { env, patienceMs: PATIENCE_MS });
  return true;
}

async function applyHere(
  { machine, output, flags, environment }: RouterInvocation,
  { text, withinMs }: { readonly text: string; readonly withinMs: number },
): Promise<void> {
  const { config } = readConfigText("the configuration", text);
  const decided = valueOrThrow(await decide(machine, config));
  valueOrThrow(await checkRuleset(machine.env, decided.desired.ruleset));
  const applied = valueOrThrow(
    await applyConfig(machine, text, {
      withinMs,
      guard: (id) =>
        startWatchdog(machine.env, { id, withinMs, dir: machine.state.dir, environment: definedEntries(environment) }),
    }),
  );
  for (const line of planLines(applied)) output.line(line);
  if (flags.on("auto-confirm")) valueOrThrow(await confirmConfig(machine));
}

function within(flags: FlagValues): number {
  const text = flags.value("within");
  if (text === undefined) return CONFIRM_WITHIN_MS;
  const read = readDuration(text);
  const ms = read.ok ? Math.round(read.value / 1e6) : 0;
  if (ms < SHORTEST_MS)
    throw new UsageError(`-within ${JSON.stringify(text)}: expected a duration of a second or more, such as 90s`);
  return ms;
}
