import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { RoleSchema, type Role } from "./answers.ts";
import { erase, operandOf, orNone, read, write } from "./calls.ts";

export const create = withNomad(async (session) => {
  const made = await write(session, { path: "/v1/acl/role", body: changes(session), schema: RoleSchema });
  return show(session, made, () => roleLines(made));
});

export const update = withNomad(async (session) => {
  const path = `/v1/acl/role/${segment(operandOf(session, "role id"))}`;
  const body = { ...(await read(session, path, RoleSchema)), ...changes(session) };
  const made = await write(session, { path, body, schema: RoleSchema });
  return show(session, made, () => roleLines(made));
});

export const list = withNomad(async (session) => {
  const all = await read(session, "/v1/acl/roles", v.array(RoleSchema));
  return show(session, all, () =>
    all.length === 0
      ? ["No ACL roles found"]
      : columns(
          ["ID", "Name", "Description", "Policies"],
          all.map((one) => [one.ID, one.Name, orNone(one.Description), namesOf(one).join(",")]),
        ),
  );
});

export const info = withNomad(async (session) => {
  const given = segment(operandOf(session, "role id"));
  const path = session.flags.on("by-name") ? `/v1/acl/role/name/${given}` : `/v1/acl/role/${given}`;
  const found = await read(session, path, RoleSchema);
  return show(session, found, () => roleLines(found));
});

export const remove = withNomad(async (session) => {
  const id = operandOf(session, "role id");
  await erase(session, `/v1/acl/role/${segment(id)}`);
  session.output.line(`ACL role ${id} successfully deleted`);
  return 0;
});

function changes({ flags }: NomadSession): Record<string, unknown> {
  const [name, description, policies] = [flags.value("name"), flags.value("description"), flags.values("policy")];
  return {
    ...(name === undefined ? {} : { Name: name }),
    ...(description === undefined ? {} : { Description: description }),
    ...(policies.length === 0 ? {} : { Policies: policies.map((Name) => ({ Name })) }),
  };
}

function namesOf({ Policies }: Role): string[] {
  return Policies.map(({ Name }) => Name);
}

function roleLines(role: Role): string[] {
  return properties([
    ["ID", role.ID],
    ["Name", role.Name],
    ["Description", orNone(role.Description)],
    ["Policies", namesOf(role).join(",")],
    ["Create Index", String(role.CreateIndex)],
    ["Modify Index", String(role.ModifyIndex)],
  ]);
}
