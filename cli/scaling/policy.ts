import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { anyMap, flag, integer, optionalInteger, text, textMap } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { shortId } from "../print/time.ts";

/** https://developer.hashicorp.com/nomad/api-docs/scaling-policies */
const StubSchema = v.object({ ID: text, Enabled: flag, Type: text, Target: textMap, ModifyIndex: integer });
const PolicySchema = v.object({
  ...StubSchema.entries,
  Min: optionalInteger,
  Max: optionalInteger,
  Policy: anyMap,
});

export const list = withNomad(async (session) => {
  const { nomad, namespace, flags } = session;
  const query = { namespace, job: flags.value("job"), type: flags.value("type") };
  const all = valueOf(await nomad.call({ path: "/v1/scaling/policies", query, schema: v.array(StubSchema) }));
  return show(session, all, () => {
    if (all.length === 0) return ["No policies found"];
    const rows = all.map((one) => [
      flags.on("verbose") ? one.ID : shortId(one.ID),
      String(one.Enabled),
      one.Type,
      targetOf(one.Target),
    ]);
    return columns(["ID", "Enabled", "Type", "Target"], rows);
  });
});

export const info = withNomad(async (session) => {
  const { nomad, namespace, operands } = session;
  const [typed] = operands;
  if (typed === undefined) throw new UsageError("name a scaling policy");
  const query = { namespace: namespace ?? "*" };
  const all = valueOf(await nomad.call({ path: "/v1/scaling/policies", query, schema: v.array(StubSchema) }));
  const { ID } = oneByPrefix(all, typed, {
    kind: "scaling policy",
    idOf: (one) => one.ID,
    list: "lares scaling policy list",
  });
  const one = valueOf(await nomad.call({ path: `/v1/scaling/policy/${segment(ID)}`, schema: PolicySchema }));
  return show(session, one, () => [
    ...properties([
      ["ID", one.ID],
      ["Enabled", String(one.Enabled)],
      ["Target", targetOf(one.Target)],
      ["Min", String(one.Min ?? 0)],
      ["Max", one.Max === null ? "<none>" : String(one.Max)],
    ]),
    "",
    "Policy:",
    JSON.stringify(one.Policy, undefined, 2),
  ]);
});

function targetOf(target: Readonly<Record<string, string>>): string {
  return Object.entries(target)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}:${value}`)
    .join(",");
}
