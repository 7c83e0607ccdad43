import * as v from "valibot";
import { errorOf, valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

/** Longer than an agent takes to say that it leaves. */
const LEAVE_MS = 60_000;

/** `ADDRESS…`: each is tried; exit code 1 when none of them was of use. */
export const join = withConsul(async ({ consul, output, operands }) => {
  if (operands.length === 0) throw new UsageError("name at least one address");
  let joined = 0;
  for (const address of operands) {
    const path = `/v1/agent/join/${encodeURIComponent(address)}`;
    const answer = await consul.call({ method: "PUT", path, schema: v.unknown() });
    if (answer.ok) joined += 1;
    else output.error(`Error joining address '${address}': ${errorOf(answer.error).message}`);
  }
  if (joined === 0) return 1;
  output.line(`Successfully joined cluster by contacting ${joined} nodes.`);
  return 0;
});

export const leave = withConsul(async ({ consul, output }) => {
  valueOf(await consul.call({ method: "PUT", path: "/v1/agent/leave", schema: v.unknown(), timeoutMs: LEAVE_MS }));
  output.line("Graceful leave complete");
  return 0;
});

export const forceLeave = withConsul(async ({ consul, operands, flags }) => {
  const [node, ...more] = operands;
  if (node === undefined || more.length > 0) throw new UsageError("name one node");
  const query = { prune: flags.on("prune") ? true : undefined };
  const path = `/v1/agent/force-leave/${encodeURIComponent(node)}`;
  valueOf(await consul.call({ method: "PUT", path, query, schema: v.unknown() }));
  return 0;
});
