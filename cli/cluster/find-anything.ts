import * as v from "valibot";
import { texts } from "#base/protocol/schema.ts";
import { CodedError } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import type { RunCommand } from "../command/command.ts";

/** https://developer.hashicorp.com/nomad/api-docs/search */
const FoundSchema = v.object({ Matches: v.nullish(v.record(v.string(), texts), () => ({})) });

/** What a search may find, and the command that shows it. */
const SHOWN: Readonly<Record<string, { readonly kind: string; readonly load: () => Promise<RunCommand> }>> = {
  jobs: { kind: "job", load: async () => (await import("../job/status.ts")).status },
  allocs: { kind: "allocation", load: async () => (await import("../alloc/status.ts")).status },
  nodes: { kind: "node", load: async () => (await import("../node/status.ts")).status },
  evals: { kind: "evaluation", load: async () => (await import("../eval/eval.ts")).status },
  deployment: { kind: "deployment", load: async () => (await import("../deployment/deployment.ts")).status },
  namespaces: { kind: "namespace", load: async () => (await import("../namespace/namespace.ts")).status },
  node_pools: { kind: "node pool", load: async () => (await import("../node/pool.ts")).info },
};

/**
 * The command that shows what an operand means: a job, allocation, node, evaluation, deployment, namespace or node pool
 * whose id begins so, or a node of that name. A whole id wins. Throws when there is nothing, or things of several kinds.
 */
export async function commandFor(session: NomadSession, typed: string): Promise<RunCommand> {
  const { nomad, namespace } = session;
  const { Matches } = valueOf(
    await nomad.call({
      method: "PUT",
      path: "/v1/search",
      query: { namespace },
      body: { Prefix: typed, Context: "all" },
      schema: FoundSchema,
    }),
  );
  const found = Object.entries(Matches).filter(([context, ids]) => ids.length > 0 && context in SHOWN);
  const whole = found.filter(([, ids]) => ids.includes(typed));
  const [first, ...others] = whole.length > 0 ? whole : found;
  if (first === undefined) {
    const named = valueOf(await nomad.nodes.list()).some(({ Name }) => Name.startsWith(typed));
    if (named) return (await import("../node/status.ts")).status;
  }
  const shown = SHOWN[first?.[0] ?? ""];
  if (shown === undefined || first === undefined) {
    const kinds = Object.values(SHOWN).map(({ kind }) => kind);
    throw new CodedError("missing", `nothing has an id "${typed}"`, `Looked for: ${kinds.join(", ")}.`);
  }
  if (others.length > 0) {
    const each = [first, ...others].map(([context, ids]) => `${SHOWN[context]?.kind ?? context}: ${ids.join(", ")}`);
    throw new CodedError("ambiguous", `"${typed}" fits several things: ${each.join("; ")}`, "Type more of the id.");
  }
  return shown.load();
}
