import { errorOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";

/** The agent's metrics as JSON, or with `-format prometheus` as text. */
export const metrics = withNomad(async ({ nomad, flags, output }) => {
  const query = { format: flags.value("format"), pretty: flags.on("pretty") };
  const answer = await nomad.stream({ path: "/v1/metrics", query });
  if (!answer.ok) throw errorOf(answer.error);
  for await (const chunk of answer.value.body) output.write(chunk);
  return 0;
});
