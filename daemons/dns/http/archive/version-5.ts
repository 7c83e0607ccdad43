import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import { withHostLines } from "../config/local-records.ts";
import type { Imported } from "./imported.ts";
import type { ArchiveFile } from "./zip.ts";

const flag = v.fallback(
  v.pipe(
    v.number(),
    v.transform((value) => value !== 0),
  ),
  true,
);
const comment = v.fallback(v.string(), "");
const ListsSchema = v.array(v.looseObject({ address: v.string(), enabled: flag, comment }));
const RulesSchema = v.array(v.looseObject({ domain: v.string(), enabled: flag, comment }));
const GroupsSchema = v.array(v.looseObject({ id: v.number(), name: v.string(), enabled: flag, description: comment }));
const ClientsSchema = v.array(v.looseObject({ ip: v.string(), comment }));

const RULE_FILES = [
  ["blacklist.exact.json", "deny", "exact"],
  ["blacklist.regex.json", "deny", "regex"],
  ["whitelist.exact.json", "allow", "exact"],
  ["whitelist.regex.json", "allow", "regex"],
] as const;

/** Teleporter archives of Pi-hole 5: one JSON file for each table of its database, and files of its settings. */
export function importVersion5(files: readonly ArchiveFile[], imported: Imported): Result<undefined> {
  const seen = new Set<string>();
  const rows = <T>(name: string, schema: v.GenericSchema<unknown, T[]>): T[] => {
    const file = files.find((one) => one.name === name);
    seen.add(name);
    if (file === undefined) return [];
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), textOf(file.bytes));
    if (!parsed.success) imported.leave(`${name}: ${parsed.issues[0].message}`);
    return parsed.success ? parsed.output : [];
  };
  for (const { address, enabled, comment: why } of rows("adlist.json", ListsSchema))
    imported.addList({ url: address, kind: "block", enabled, comment: why });
  for (const [name, kind, match] of RULE_FILES)
    for (const { domain, enabled, comment: why } of rows(name, RulesSchema))
      imported.addRule({ kind, match, text: domain, enabled, comment: why });
  for (const { id, name, enabled, description } of rows("group.json", GroupsSchema))
    if (id !== 0) imported.group(name, { enabled, comment: description });
  for (const { ip, comment: why } of rows("client.json", ClientsSchema))
    imported.addClient({ match: ip.toLowerCase(), groups: [0], comment: why });
  const hosts = files.find(({ name }) => name === "custom.list");
  seen.add("custom.list");
  if (hosts !== undefined) {
    const lines = textOf(hosts.bytes)
      .split("\n")
      .filter((line) => line.replace(/#.*/, "").trim() !== "");
    const written = withHostLines(imported.settings, lines);
    if (written.ok) imported.settings = written.value;
    else imported.leave(`custom.list: ${written.error.message}`);
  }
  for (const { name } of files) if (!seen.has(name)) imported.leave(`${name}: was not read`);
  return succeed(undefined);
}
