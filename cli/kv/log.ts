import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

const LogSchema = v.array(
  v.object({ ModifyIndex: v.number(), Time: v.string(), By: v.string(), Value: v.string(), Session: v.string() }),
);
const SHOWN = 60;

/** `KEY`: the values it had, newest first, as far back as the store keeps them. */
export const log = withConsul(async ({ consul, output, operands, flags }) => {
  const [given, ...more] = operands;
  if (given === undefined || more.length > 0) throw new UsageError("name one key");
  const key = given.replace(/^\//, "");
  const path = `/v1/kv-log/${key.split("/").map(encodeURIComponent).join("/")}`;
  const entries = valueOf(await consul.call({ path, schema: LogSchema }));
  if (await printed({ flags, output }, entries)) return 0;
  const rows = entries.map((entry) => [
    String(entry.ModifyIndex),
    entry.Time || "-",
    entry.By || "-",
    shown(entry.Value),
  ]);
  for (const line of columns(["Index", "Time", "By", "Value"], rows)) output.line(line);
  return 0;
});

function shown(base64: string): string {
  const text = JSON.stringify(Buffer.from(base64, "base64").toString("utf8")).slice(1, -1);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
