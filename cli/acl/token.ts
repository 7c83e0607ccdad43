import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { readTextFile } from "../spec/read-text.ts";
import { TokenSchema, type Token } from "./answers.ts";
import { erase, NOTHING, operandOf, orNone, read, truthOf, write } from "./calls.ts";

/** `acl bootstrap [FILE]`: the file, `-` for standard input, holds a secret of one's own. */
export const bootstrap = withNomad(async (session) => {
  const [file] = session.operands;
  const BootstrapSecret = file === undefined ? "" : readTextFile(file).trim();
  const made = await write(session, { path: "/v1/acl/bootstrap", body: { BootstrapSecret }, schema: TokenSchema });
  return show(session, made, () => tokenLines(made));
});

export const create = withNomad(async (session) => {
  const body = { Type: "client", ...changes(session) };
  const made = await write(session, { path: "/v1/acl/token", body, schema: TokenSchema });
  return show(session, made, () => tokenLines(made));
});

export const update = withNomad(async (session) => {
  const path = `/v1/acl/token/${segment(operandOf(session, "accessor id"))}`;
  const before = await read(session, path, TokenSchema);
  const { SecretID: _secret, ExpirationTime: _end, ...kept } = before;
  const made = await write(session, { path, body: { ...kept, ...changes(session) }, schema: TokenSchema });
  return show(session, made, () => tokenLines(made));
});

export const list = withNomad(async (session) => {
  const all = await read(session, "/v1/acl/tokens", v.array(TokenSchema));
  return show(session, all, () =>
    all.length === 0
      ? ["No tokens found"]
      : columns(
          ["Name", "Type", "Global", "Accessor ID", "Expired"],
          all.map((one) => [one.Name, one.Type, String(one.Global), one.AccessorID, String(isOver(one))]),
        ),
  );
});

export const info = withNomad(async (session) => {
  const found = await read(session, `/v1/acl/token/${segment(operandOf(session, "accessor id"))}`, TokenSchema);
  return show(session, found, () => tokenLines(found));
});

export const self = withNomad(async (session) => {
  const found = await read(session, "/v1/acl/token/self", TokenSchema);
  return show(session, found, () => tokenLines(found));
});

export const remove = withNomad(async (session) => {
  const id = operandOf(session, "accessor id");
  await erase(session, `/v1/acl/token/${segment(id)}`);
  session.output.line(`Token ${id} successfully deleted`);
  return 0;
});

function changes(session: NomadSession): Record<string, unknown> {
  const { flags } = session;
  const one = (name: string, field: string): Record<string, unknown> => {
    const given = flags.value(name);
    return given === undefined ? {} : { [field]: given };
  };
  const global = truthOf(session, "global");
  const roles = [
    ...flags.values("role-id").map((ID) => ({ ID })),
    ...flags.values("role-name").map((Name) => ({ Name })),
  ];
  return {
    ...one("name", "Name"),
    ...one("type", "Type"),
    ...one("ttl", "ExpirationTTL"),
    ...(global === undefined ? {} : { Global: global }),
    ...(flags.values("policy").length === 0 ? {} : { Policies: flags.values("policy") }),
    ...(roles.length === 0 ? {} : { Roles: roles }),
  };
}

/** A token as people read it. */
export function tokenLines(token: Token): string[] {
  const management = token.Type === "management";
  const lines = properties([
    ["Accessor ID", token.AccessorID],
    ["Secret ID", token.SecretID],
    ["Name", token.Name],
    ["Type", token.Type],
    ["Global", String(token.Global)],
    ["Create Time", token.CreateTime],
    ["Expiry Time", orNone(token.ExpirationTime)],
    ["Create Index", String(token.CreateIndex)],
    ["Modify Index", String(token.ModifyIndex)],
    ["Policies", management ? "n/a" : token.Policies.length === 0 ? NOTHING : `[${token.Policies.join(" ")}]`],
    ...(management ? [["Roles", "n/a"] as const] : []),
  ]);
  if (management) return lines;
  const roles =
    token.Roles.length === 0
      ? [NOTHING]
      : columns(
          ["ID", "Name"],
          token.Roles.map(({ ID, Name }) => [ID, Name]),
        );
  return [...lines, "", "Roles", ...roles];
}

function isOver({ ExpirationTime }: Token): boolean {
  return ExpirationTime !== "" && Date.parse(ExpirationTime) <= Date.now();
}
