import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import { withCnameLines, withHostLines } from "../config/local-records.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Imported } from "./imported.ts";
import { takeSetupVars } from "./setup-vars.ts";
import type { ArchiveFile } from "./zip.ts";

const flag = v.fallback(
  v.pipe(
    v.union([v.number(), v.string()]),
    v.transform((value) => Number(value) !== 0),
  ),
  true,
);
const comment = v.fallback(v.string(), "");
const id = v.pipe(v.union([v.number(), v.string()]), v.transform(Number), v.integer());
const numbered = v.fallback(id, -1);
const ListsSchema = v.array(v.looseObject({ id: numbered, address: v.string(), enabled: flag, comment }));
const RulesSchema = v.array(v.looseObject({ id: numbered, domain: v.string(), enabled: flag, comment }));
const GroupsSchema = v.array(v.looseObject({ id, name: v.string(), enabled: flag, description: comment }));
const ClientsSchema = v.array(v.looseObject({ id: numbered, ip: v.string(), comment }));
const MembersSchema = v.array(v.record(v.string(), v.unknown()));

const RULE_FILES = [
  ["blacklist.exact.json", "deny", "exact"],
  ["blacklist.regex.json", "deny", "regex"],
  ["whitelist.exact.json", "allow", "exact"],
  ["whitelist.regex.json", "allow", "regex"],
] as const;
/** What is somebody else's to know, and whose. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "04-pihole-static-dhcp.conf": "reservations are those of the role dhcp (lares dhcp reserve)",
  "dhcp.leases": "leases are those of the role dhcp",
};

/** Teleporter archives of Pi-hole 5: one JSON file for each table of its database, and files of its settings. */
export function importVersion5(files: readonly ArchiveFile[], imported: Imported): Result<undefined> {
  const archive = new Archive(files, imported);
  const groups = new Map<number, number>([[0, 0]]);
  for (const { id: theirs, name, enabled, description } of archive.rows("group.json", GroupsSchema))
    if (theirs !== 0) groups.set(theirs, imported.group(name, { enabled, comment: description }));
  const groupsOfList = membership(archive, "adlist", groups);
  for (const { id: theirs, address, enabled, comment: why } of archive.rows("adlist.json", ListsSchema))
    imported.addList({ url: address, kind: "block", enabled, comment: why, groups: groupsOfList(theirs) });
  const groupsOfRule = membership(archive, "domainlist", groups);
  for (const [name, kind, match] of RULE_FILES)
    for (const { id: theirs, domain, enabled, comment: why } of archive.rows(name, RulesSchema))
      imported.addRule({ kind, match, text: domain, enabled, comment: why, groups: groupsOfRule(theirs) });
  const groupsOfClient = membership(archive, "client", groups);
  for (const { id: theirs, ip, comment: why } of archive.rows("client.json", ClientsSchema))
    imported.addClient({ match: ip.toLowerCase(), groups: groupsOfClient(theirs), comment: why });
  const setup = archive.text("setupVars.conf");
  if (setup !== undefined) takeSetupVars(setup, imported);
  archive.records("custom.list", /^\s*[^#\s].*$/, withHostLines);
  archive.records("05-pihole-custom-cname.conf", /^\s*cname=(.*)$/, withCnameLines);
  archive.leaveOthers();
  return succeed(undefined);
}

/** Files of an archive by their names, in whatever folder they are. */
class Archive {
  readonly #files: ReadonlyMap<string, ArchiveFile>;
  readonly #imported: Imported;
  readonly #seen = new Set<string>();

  constructor(files: readonly ArchiveFile[], imported: Imported) {
    this.#files = new Map(files.map((file) => [file.name.slice(file.name.lastIndexOf("/") + 1), file]));
    this.#imported = imported;
  }

  text(name: string): string | undefined {
    this.#seen.add(name);
    const file = this.#files.get(name);
    return file === undefined ? undefined : textOf(file.bytes);
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  rows<T>(name: string, schema: v.GenericSchema<unknown, T[]>): T[] {
    const text = this.text(name);
    if (text === undefined) return [];
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
    if (!parsed.success) this.#imported.leave(`${name}: ${parsed.issues[0].message}`);
    return parsed.success ? parsed.output : [];
  }

  /** Lines of records of the house. `kept`: which are meant; what its first group holds, or all of the line. */
  records(name: string, kept: RegExp, write: (settings: Settings, lines: readonly string[]) => Result<Settings>): void {
    const lines = (this.text(name) ?? "").split("\n").flatMap((line) => {
      const found = kept.exec(line);
      return found === null ? [] : [found[1] ?? found[0]];
    });
    if (lines.length === 0) return;
    const written = write(this.#imported.settings, lines);
    if (written.ok) this.#imported.settings = written.value;
    else this.#imported.leave(`${name}: ${written.error.message}`);
  }

  /** Says which files nobody asked for. */
  leaveOthers(): void {
    for (const [base, { name }] of this.#files)
      if (!this.#seen.has(base)) this.#imported.leave(`${name}: ${ELSEWHERE[base] ?? "was not read"}`);
  }
}

/** Which of our groups an item is in; all are in the default group where the archive does not say. */
function membership(archive: Archive, item: string, groups: ReadonlyMap<number, number>): (theirs: number) => number[] {
  const name = `${item}_by_group.json`;
  if (!archive.has(name)) return () => [0];
  const found = new Map<number, number[]>();
  for (const row of archive.rows(name, MembersSchema)) {
    const group = groups.get(Number(row["group_id"]));
    const theirs = Number(row[`${item}_id`]);
    if (group !== undefined) found.set(theirs, [...(found.get(theirs) ?? []), group]);
  }
  return (theirs) => found.get(theirs) ?? [];
}
