import * as v from "valibot";
import { AlertLogSchema, AlertSchema } from "#base/protocol/alert.ts";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

/** What does not pass; with `-all` what does again, too. Exit code 1: something does not. */
export const list = withConsul(async ({ consul, output, flags }) => {
  const schema = v.array(v.object({ ID: v.string(), ...AlertSchema.entries }));
  const all = valueOf(await consul.call({ path: "/v1/alerts", schema }));
  const shown = flags.on("all") ? all : all.filter(({ Status }) => Status !== "passing");
  if (!(await printed({ flags, output }, shown))) {
    const rows = shown.map((one) => [
      one.ID,
      one.Status,
      time(one.ToldAt),
      one.AcknowledgedBy || "-",
      one.ServiceName || "-",
    ]);
    for (const line of columns(["ID", "Status", "Since", "Acknowledged", "Service"], rows)) output.line(line);
  }
  return shown.some(({ Status }) => Status !== "passing") ? 1 : 0;
});

export const log = withConsul(async ({ consul, output, flags }) => {
  const entries = valueOf(await consul.call({ path: "/v1/alerts-log", schema: v.array(AlertLogSchema) }));
  if (await printed({ flags, output }, entries)) return 0;
  const rows = entries.map((one) => [
    time(one.At),
    one.Kind,
    `${one.Rule}/${one.Node}/${one.CheckID}`,
    one.Status,
    one.Problem || "-",
  ]);
  for (const line of columns(["Time", "What", "Alert", "Status", "Problem"], rows)) output.line(line);
  return 0;
});

/** `ID`: no reminders until it changes. */
export const acknowledge = withConsul(async ({ consul, output, operands }) => {
  const [id = "", ...more] = operands;
  if (id === "" || more.length > 0) throw new UsageError("name one alert, as lares alerts lists it");
  const path = `/v1/alerts-acknowledge/${id.split("/").map(encodeURIComponent).join("/")}`;
  valueOf(await consul.call({ method: "PUT", path, schema: v.boolean() }));
  output.line(`Acknowledged: ${id}`);
  return 0;
});

function time(atMs: number): string {
  return new Date(atMs).toISOString();
}
