import { GLOBAL } from "#base/protocol/keys.ts";
import { absent, present } from "#base/state/codec.ts";
import { sessions } from "#base/state/tables.ts";
import type { KvWrite } from "../kv/kv-write.ts";
import type { KvOperation } from "./operation.ts";
import type { TxnPlan } from "./plan.ts";

/** What keeps an operation on keys from being done; undefined: it is in the plan. */
export function decideKv(plan: TxnPlan, operation: KvOperation): string | undefined {
  switch (operation.kind) {
    case "write":
      return decideWrite(plan, operation.write);
    case "get-tree":
      for (const row of plan.kv.under(operation.key)) plan.results.push({ kind: "kv", row, withValue: true });
      return undefined;
    case "delete-tree":
      for (const row of plan.kv.under(operation.key)) plan.kv.delete(row.id);
      return undefined;
    case "get":
    case "get-or-empty":
    case "check-not-exists":
    case "check-index":
    case "check-session":
      return decideRead(plan, operation);
    default:
      return operation satisfies never;
  }
}

function decideWrite(plan: TxnPlan, write: KvWrite): string | undefined {
  if (write.verb === "lock") {
    const isKnown = plan.deps.view.table(sessions).get(GLOBAL, write.session) !== undefined;
    plan.compare.push((isKnown ? present : absent)(sessions, GLOBAL, write.session));
    if (!isKnown) return `invalid session ${JSON.stringify(write.session)}`;
  }
  const current = plan.kv.get(write.key);
  const decision = plan.deps.kv.decide(write, current);
  switch (decision.kind) {
    case "refuse":
      return `failed to ${write.verb} key ${JSON.stringify(write.key)}: ${decision.reason}`;
    case "delete":
      plan.kv.delete(write.key);
      return undefined;
    case "keep":
      if (current !== undefined && write.verb === "set")
        plan.results.push({ kind: "kv", row: current, withValue: false });
      return undefined;
    case "put":
      plan.results.push({ kind: "kv", row: plan.kv.put(write.key, decision.entry), withValue: false });
      return undefined;
    default:
      return decision satisfies never;
  }
}

function decideRead(
  plan: TxnPlan,
  operation: Exclude<KvOperation, { readonly kind: "write" | "get-tree" | "delete-tree" }>,
): string | undefined {
  const row = plan.kv.get(operation.key);
  const quoted = JSON.stringify(operation.key);
  if (operation.kind === "check-not-exists") return row === undefined ? undefined : `key ${quoted} exists`;
  if (row === undefined) return operation.kind === "get-or-empty" ? undefined : `key ${quoted} doesn't exist`;
  switch (operation.kind) {
    case "get":
    case "get-or-empty":
      plan.results.push({ kind: "kv", row, withValue: true });
      return undefined;
    case "check-index":
      return row.modifyIndex === operation.index
        ? undefined
        : `current modify index ${row.modifyIndex} does not match ${operation.index}`;
    case "check-session":
      return row.value.Session === operation.session
        ? undefined
        : `key ${quoted} is not held by session ${JSON.stringify(operation.session)}`;
    default:
      return operation satisfies never;
  }
}
