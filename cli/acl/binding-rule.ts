import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { RuleSchema, type Rule } from "./answers.ts";
import { erase, operandOf, orNone, read, write } from "./calls.ts";

export const create = withNomad(async (session) => {
  const made = await write(session, { path: "/v1/acl/binding-rule", body: changes(session), schema: RuleSchema });
  return show(session, made, () => ruleLines(made));
});

export const update = withNomad(async (session) => {
  const path = `/v1/acl/binding-rule/${segment(operandOf(session, "rule id"))}`;
  const made = await write(session, { path, body: changes(session), schema: RuleSchema });
  return show(session, made, () => ruleLines(made));
});

export const list = withNomad(async (session) => {
  const all = await read(session, "/v1/acl/binding-rules", v.array(RuleSchema));
  return show(session, all, () =>
    all.length === 0
      ? ["No ACL binding rules found"]
      : columns(
          ["ID", "Description", "Auth Method"],
          all.map((one) => [one.ID, orNone(one.Description), one.AuthMethod]),
        ),
  );
});

export const info = withNomad(async (session) => {
  const found = await read(session, `/v1/acl/binding-rule/${segment(operandOf(session, "rule id"))}`, RuleSchema);
  return show(session, found, () => ruleLines(found));
});

export const remove = withNomad(async (session) => {
  const id = operandOf(session, "rule id");
  await erase(session, `/v1/acl/binding-rule/${segment(id)}`);
  session.output.line(`ACL binding rule ${id} successfully deleted`);
  return 0;
});

const FIELDS = {
  description: "Description",
  "auth-method": "AuthMethod",
  selector: "Selector",
  "bind-type": "BindType",
  "bind-name": "BindName",
} as const;

function changes({ flags }: NomadSession): Record<string, string> {
  return Object.fromEntries(
    Object.entries(FIELDS).flatMap(([name, field]) => {
      const given = flags.value(name);
      return given === undefined ? [] : [[field, given]];
    }),
  );
}

function ruleLines(rule: Rule): string[] {
  return properties([
    ["ID", rule.ID],
    ["Description", orNone(rule.Description)],
    ["Auth Method", rule.AuthMethod],
    ["Selector", orNone(rule.Selector)],
    ["Bind Type", rule.BindType],
    ["Bind Name", orNone(rule.BindName)],
    ["Create Index", String(rule.CreateIndex)],
    ["Modify Index", String(rule.ModifyIndex)],
  ]);
}
