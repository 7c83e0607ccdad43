import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { printed } from "../print/show.ts";

/** `-name NAME [PAYLOAD]`. */
export const event = withConsul(async ({ consul, output, operands, flags }) => {
  const name = flags.value("name") ?? "";
  const [payload = "", ...more] = operands;
  if (name === "") throw new UsageError("name the event: -name NAME");
  if (more.length > 0) throw new UsageError("give one payload; quote it when it holds spaces");
  const query = { node: flags.value("node"), service: flags.value("service"), tag: flags.value("tag") };
  const path = `/v1/event/fire/${encodeURIComponent(name)}`;
  const schema = v.object({ ID: v.string(), Name: v.string() });
  const fired = valueOf(await consul.call({ method: "PUT", path, query, body: payload, schema }));
  if (!(await printed({ flags, output }, fired))) output.line(`Event ID: ${fired.ID}`);
  return 0;
});
