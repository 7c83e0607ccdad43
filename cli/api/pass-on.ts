import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { valueOf } from "./answer.ts";
import { withNomad } from "./session.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { printJson } from "../print/json.ts";
import { printed } from "../print/show.ts";

/** A command that asks one endpoint and prints its answer as it is; `:id` in the path is the operand. */
export function passOn(method: "GET" | "PUT" | "DELETE", path: string): RunCommand {
  return withNomad(async (session) => {
    const [id] = session.operands;
    if (path.includes(":id") && id === undefined) throw new UsageError("name it");
    const at = path.replace(":id", () => segment(id ?? ""));
    const body = method === "PUT" ? { body: {} } : {};
    const query = { namespace: session.namespace };
    const answer = valueOf(await session.nomad.call({ method, path: at, query, ...body, schema: v.unknown() }));
    if (!(await printed(session, answer))) printJson(session.output, answer);
    return 0;
  });
}
