import type { DeploymentAnswer } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import type { NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

/** The deployment an operand means: its id, or the beginning of just one. */
export async function findDeployment({ nomad, operands, namespace }: NomadSession): Promise<DeploymentAnswer> {
  const [typed] = operands;
  if (typed === undefined) throw new UsageError("name a deployment");
  const all = valueOf(await nomad.deployments.list({ prefix: typed, namespace: namespace ?? "*" }));
  return oneByPrefix(all, typed, { kind: "deployment", idOf: ({ ID }) => ID, list: "lares deployment list" });
}
