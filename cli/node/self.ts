import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import { CodedError } from "#base/env/errors.ts";

const SelfSchema = v.object({ stats: v.object({ client: v.object({ node_id: v.string() }) }) });

/** The id of the node whose agent is asked. */
export async function selfId({ nomad }: NomadSession): Promise<string> {
  const answer = valueOf(await nomad.call({ path: "/v1/agent/self", schema: v.unknown() }));
  const read = v.safeParse(SelfSchema, answer);
  if (read.success) return read.output.stats.client.node_id;
  throw new CodedError(
    "missing",
    "the agent that was asked is no client",
    "Name a node: lares node status lists them.",
  );
}
