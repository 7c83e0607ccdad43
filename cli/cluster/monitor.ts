import { errorOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { findNode } from "../node/find-node.ts";

/** The agent's log as it comes; `-node-id` another node's. */
export const monitor = withNomad(async (session) => {
  const { nomad, flags, output } = session;
  const node = flags.value("node-id");
  const query = {
    plain: true,
    log_level: flags.value("log-level"),
    log_json: flags.on("json"),
    node_id: node === undefined ? undefined : (await findNode(session, node)).ID,
    server_id: flags.value("server-id"),
  };
  const answer = await nomad.stream({ path: "/v1/agent/monitor", query });
  if (!answer.ok) throw errorOf(answer.error);
  for await (const chunk of answer.value.body) output.write(chunk);
  return 0;
});
