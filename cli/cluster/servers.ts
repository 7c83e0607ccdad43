import * as v from "valibot";
import { integer, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { show } from "../print/show.ts";

/** `ADDRESS …`: makes the server join the ones named. */
export const join = withNomad(async (session) => {
  const { nomad, operands } = session;
  if (operands.length === 0) throw new UsageError("name at least one server's address");
  const schema = v.object({ error: text, num_joined: integer });
  const answer = valueOf(
    await nomad.call({ method: "PUT", path: "/v1/agent/join", query: { address: operands }, schema }),
  );
  const code = answer.error === "" ? 0 : 1;
  await show(session, answer, () => [
    code === 0
      ? `Joined ${answer.num_joined} server${answer.num_joined === 1 ? "" : "s"} successfully`
      : `Error joining: ${answer.error}`,
  ]);
  return code;
});

/** Takes a server that failed for one that left. */
export const forceLeave = withNomad(async ({ nomad, operands, output, flags }) => {
  const [node] = operands;
  if (node === undefined) throw new UsageError("name a server");
  const query = { node, prune: flags.on("prune") };
  valueOf(await nomad.call({ method: "PUT", path: "/v1/agent/force-leave", query, schema: v.unknown() }));
  output.line(`Force leave of "${node}" was asked for`);
  return 0;
});
