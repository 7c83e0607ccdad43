import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { readTextFile } from "../spec/read-text.ts";
import { MethodSchema, type Method } from "./answers.ts";
import { erase, operandOf, orNone, read, truthOf, write } from "./calls.ts";

export const create = withNomad(async (session) => {
  const made = await write(session, { path: "/v1/acl/auth-method", body: changes(session), schema: MethodSchema });
  return show(session, made, () => methodLines(made));
});

export const update = withNomad(async (session) => {
  const path = `/v1/acl/auth-method/${segment(operandOf(session, "name"))}`;
  const before = await read(session, path, MethodSchema);
  const { Config, ...rest } = changes(session);
  const merged = { ...before, ...rest, Config: { ...before.Config, ...Config } };
  const made = await write(session, { path, body: merged, schema: MethodSchema });
  return show(session, made, () => methodLines(made));
});

export const list = withNomad(async (session) => {
  const all = await read(session, "/v1/acl/auth-methods", v.array(MethodSchema));
  return show(session, all, () =>
    all.length === 0
      ? ["No ACL auth methods found"]
      : columns(
          ["Name", "Type", "Default"],
          all.map(({ Name, Type, Default }) => [Name, Type, String(Default)]),
        ),
  );
});

export const info = withNomad(async (session) => {
  const found = await read(session, `/v1/acl/auth-method/${segment(operandOf(session, "name"))}`, MethodSchema);
  return show(session, found, () => methodLines(found));
});

export const remove = withNomad(async (session) => {
  const name = operandOf(session, "name");
  await erase(session, `/v1/acl/auth-method/${segment(name)}`);
  session.output.line(`ACL auth method ${name} successfully deleted`);
  return 0;
});

function changes(session: NomadSession): Record<string, unknown> & { readonly Config?: Record<string, unknown> } {
  const { flags } = session;
  const fields = {
    Name: flags.value("name"),
    Type: flags.value("type"),
    TokenLocality: flags.value("token-locality"),
    TokenNameFormat: flags.value("token-name-format"),
    MaxTokenTTL: flags.value("max-token-ttl"),
    Default: truthOf(session, "default"),
  };
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const config = flags.value("config");
  return config === undefined ? given : { ...given, Config: configOf(config) };
}

/** JSON, or `@` and a file of it. */
function configOf(given: string): Record<string, unknown> {
  const text = given.startsWith("@") ? readTextFile(given.slice(1)) : given;
  try {
    return v.parse(v.record(v.string(), v.unknown()), JSON.parse(text));
  } catch {
    throw new UsageError("-config is no JSON object; give one, or @FILE with one");
  }
}

function methodLines(method: Method): string[] {
  const config = Object.entries(method.Config)
    .filter(([, value]) => value !== "" && value !== false && !isEmpty(value))
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const);
  return [
    ...properties([
      ["Name", method.Name],
      ["Type", method.Type],
      ["Locality", method.TokenLocality],
      ["Max Token TTL", method.MaxTokenTTL],
      ["Token Name Format", orNone(method.TokenNameFormat)],
      ["Default", String(method.Default)],
      ["Create Index", String(method.CreateIndex)],
      ["Modify Index", String(method.ModifyIndex)],
    ]),
    "",
    "Auth Method Config",
    "",
    ...(config.length === 0 ? [] : properties(config)),
  ];
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && (value === null || Object.keys(value).length === 0);
}
