import { fail, succeed, type Result } from "#base/env/errors.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import type { Machine } from "../apply/machine.ts";
import { checkRuleset, decide, type Outcome } from "../apply/reconcile.ts";
import { applyConfig, rollBack } from "../apply/transaction.ts";
import type { RouterConfig } from "../config/model.ts";
import { readRouterConfig } from "../config/read-config.ts";
import { planLines } from "../serve/report.ts";
import type { RouterReply, RouterRequest } from "./keys.ts";

export type Guard = (id: string, withinMs: number) => Promise<void>;

export interface AnswerDeps {
  readonly machine: Machine;
  /** Starts who takes a change back when its time is over, whatever becomes of this process. */
  readonly guard: Guard;
  /** The change stays: told to the cluster first, then to this machine. */
  readonly commit: (by: string) => Promise<Result<void>>;
}

type Answered = Pick<RouterReply, "lines" | "changes">;

/** Does what a command elsewhere asks of this router. */
export async function answerRequest(deps: AnswerDeps, request: RouterRequest): Promise<Result<Answered>> {
  switch (request.kind) {
    case "plan": {
      const read = readShared(request.text, "the configuration");
      if (!read.ok) return read;
      return answered(await decideAndCheck(deps.machine, read.value));
    }
    case "apply": {
      const tried = await tryConfig(deps, request);
      if (!tried.ok || !request.autoConfirm) return answered(tried);
      const kept = await deps.commit(request.by);
      return kept.ok ? answered(tried) : kept;
    }
    case "confirm": {
      const kept = await deps.commit(request.by);
      return kept.ok ? succeed({ lines: [], changes: 0 }) : kept;
    }
    case "rollback": {
      const back = await rollBack(deps.machine);
      if (!back.ok) return back;
      return back.value
        ? succeed({ lines: [], changes: 0 })
        : fail("router_nothing", "no change waits for confirmation", "see: lares router status");
    }
  }
}

/** A configuration as it stands in the store; what is wrong is said with its line. */
export function readShared(text: string, name: string): Result<RouterConfig> {
  const read = readRouterConfig({ name, text });
  return read.ok ? succeed(read.config) : fail("router_config", renderDiagnostics(read.diagnostics));
}

/** Puts it into force for a while. Nothing is touched when it is broken, or when nft refuses it. */
export async function tryConfig(
  { machine, guard }: Pick<AnswerDeps, "machine" | "guard">,
  { text, withinMs }: Pick<RouterRequest, "text" | "withinMs">,
): Promise<Result<Outcome>> {
  const read = readShared(text, "the configuration");
  if (!read.ok) return read;
  const checked = await decideAndCheck(machine, read.value);
  if (!checked.ok) return checked;
  return applyConfig(machine, text, { withinMs, guard: (id) => guard(id, withinMs) });
}

async function decideAndCheck(machine: Machine, config: RouterConfig): Promise<Result<Outcome>> {
  const decided = await decide(machine, config);
  if (!decided.ok) return decided;
  const checked = await checkRuleset(machine.env, decided.value.desired.ruleset);
  return checked.ok ? decided : checked;
}

function answered(outcome: Result<Outcome>): Result<Answered> {
  return outcome.ok
    ? succeed({ lines: [...planLines(outcome.value)], changes: outcome.value.change.steps.length })
    : outcome;
}
