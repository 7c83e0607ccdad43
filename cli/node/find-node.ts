import type { NodeStub } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import type { NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

/** The node an operand means: its name, its id, or the beginning of just one. */
export async function findNode({ nomad }: NomadSession, operand: string | undefined): Promise<NodeStub> {
  if (operand === undefined) throw new UsageError("name a node");
  const nodes = valueOf(await nomad.nodes.list());
  const named = nodes.filter(({ Name }) => Name === operand);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  return oneByPrefix(nodes, operand, { kind: "node", idOf: ({ ID }) => ID, list: "lares node status" });
}
