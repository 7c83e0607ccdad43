import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { isAgreed } from "../command/ask.ts";
import { findNode } from "../node/find-node.ts";

const AnswerSchema = v.object({ What: v.string(), Node: v.string() });

/** Of another machine, by its agent: it restarts at once. Exit code 1: it was not agreed to, or the node refuses. */
export const resetNode = withNomad(async (session) => {
  const { nomad, flags, output } = session;
  const { ID: node_id, Name } = await findNode(session, flags.value("node"));
  const What = flags.on("data") ? "data" : "all";
  const loses = What === "all" ? `everything that ${Name} knows` : `what the agent of ${Name} keeps`;
  if (!flags.on("yes") && !(await isAgreed(`Forget ${loses}, and restart it?`, "say -yes"))) return 1;
  const path = "/v1/client/firmware/reset";
  const body = { What, Confirm: Name };
  valueOf(await nomad.call({ method: "PUT", path, query: { node_id }, body, schema: AnswerSchema }));
  output.line(`${Name} restarts, and forgets ${loses}.`);
  return 0;
});
