import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";

/** Has the agent read its configuration again. */
export const reload = withConsul(async ({ consul, output }) => {
  valueOf(await consul.call({ method: "PUT", path: "/v1/agent/reload", schema: v.unknown() }));
  output.line("Configuration reload triggered");
  return 0;
});
