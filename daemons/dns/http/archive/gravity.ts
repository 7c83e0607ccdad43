import type { SqlFile, SqlRow, SqlRows } from "#base/env/sql.ts";
import { numberAt, textAt } from "../../log/long-term.ts";
import type { Settings } from "../../settings/settings.ts";
import { groupsOf } from "../group-routes.ts";
import type { Imported } from "./imported.ts";

/** Pi-hole's tables of rules, lists, groups and clients (https://docs.pi-hole.net/database/domain-database/). */
export const GRAVITY_SCHEMA = [
  "CREATE TABLE IF NOT EXISTS info (property TEXT PRIMARY KEY, value TEXT NOT NULL)",
  `CREATE TABLE IF NOT EXISTS "group" (id INTEGER PRIMARY KEY, enabled BOOLEAN NOT NULL DEFAULT 1, name TEXT UNIQUE NOT NULL,
    date_added INTEGER, date_modified INTEGER, description TEXT)`,
  `CREATE TABLE IF NOT EXISTS domainlist (id INTEGER PRIMARY KEY, type INTEGER NOT NULL DEFAULT 0, domain TEXT NOT NULL,
    enabled BOOLEAN NOT NULL DEFAULT 1, date_added INTEGER, date_modified INTEGER, comment TEXT, UNIQUE(domain, type))`,
  `CREATE TABLE IF NOT EXISTS adlist (id INTEGER PRIMARY KEY, address TEXT NOT NULL, enabled BOOLEAN NOT NULL DEFAULT 1,
    date_added INTEGER, date_modified INTEGER, comment TEXT, date_updated INTEGER, number INTEGER DEFAULT 0,
    invalid_domains INTEGER DEFAULT 0, status INTEGER DEFAULT 0, abp_entries INTEGER DEFAULT 0, type INTEGER NOT NULL DEFAULT 0,
    UNIQUE(address, type))`,
  `CREATE TABLE IF NOT EXISTS client (id INTEGER PRIMARY KEY, ip TEXT NOT NULL UNIQUE, date_added INTEGER,
    date_modified INTEGER, comment TEXT)`,
  ...["domainlist", "adlist", "client"].map(
    (item) => `CREATE TABLE IF NOT EXISTS ${item}_by_group (${item}_id INTEGER NOT NULL, group_id INTEGER NOT NULL,
      PRIMARY KEY (${item}_id, group_id))`,
  ),
];

/** `domainlist.type` is 0 and 1 exact, 2 and 3 regular expressions; even ones allow. */
const RULE_TYPES = ["allow exact", "deny exact", "allow regex", "deny regex"];

export async function writeGravity(file: SqlFile, settings: Settings): Promise<void> {
  const stampsOf = ({
    addedAt = 0,
    changedAt = 0,
  }: {
    addedAt?: number | undefined;
    changedAt?: number | undefined;
  }) => [addedAt, changedAt];
  const step = (sql: string, rows: readonly SqlRow[]): SqlRows => ({ sql, rows });
  const members = (
    item: string,
    all: readonly { readonly id: number; readonly groups: readonly number[] }[],
  ): SqlRows =>
    step(
      `INSERT INTO ${item}_by_group VALUES (?, ?)`,
      all.flatMap(({ id, groups }) => groups.map((group) => [id, group])),
    );
  const { rules, lists, clients } = settings;
  await file.write([
    step("INSERT INTO info VALUES (?, ?)", [["version", "20"]]),
    step(
      `INSERT INTO "group" VALUES (?, ?, ?, ?, ?, ?)`,
      groupsOf(settings).map((one) => [one.id, one.enabled ? 1 : 0, one.name, ...stampsOf(one), one.comment]),
    ),
    step(
      "INSERT INTO domainlist VALUES (?, ?, ?, ?, ?, ?, ?)",
      rules.map((one) => [
        one.id,
        RULE_TYPES.indexOf(`${one.kind} ${one.match}`),
        one.text,
        one.enabled ? 1 : 0,
        ...stampsOf(one),
        one.comment,
      ]),
    ),
    step(
      "INSERT INTO adlist (id, address, enabled, date_added, date_modified, comment, type) VALUES (?, ?, ?, ?, ?, ?, ?)",
      lists.map((one) => [
        one.id,
        one.url,
        one.enabled ? 1 : 0,
        ...stampsOf(one),
        one.comment,
        one.kind === "block" ? 0 : 1,
      ]),
    ),
    step(
      "INSERT INTO client VALUES (?, ?, ?, ?, ?)",
      clients.map((one) => [one.id, one.match, ...stampsOf(one), one.comment]),
    ),
    members("domainlist", rules),
    members("adlist", lists),
    members("client", clients),
  ]);
}

/** Adds what such a database holds. */
export async function readGravity(file: SqlFile, imported: Imported): Promise<void> {
  const groups = new Map<number, number>([[0, 0]]);
  for (const row of await file.read(`SELECT id, name, enabled, description FROM "group" WHERE id <> 0`, []))
    groups.set(
      numberAt(row, 0),
      imported.group(textAt(row, 1), { enabled: numberAt(row, 2) !== 0, comment: textAt(row, 3) }),
    );
  const membership = async (item: string): Promise<(id: number) => number[]> => {
    const found = new Map<number, number[]>();
    for (const row of await file.read(`SELECT ${item}_id, group_id FROM ${item}_by_group`, [])) {
      const group = groups.get(numberAt(row, 1));
      if (group !== undefined) found.set(numberAt(row, 0), [...(found.get(numberAt(row, 0)) ?? []), group]);
    }
    return (id) => found.get(id) ?? [];
  };
  const groupsOfRule = await membership("domainlist");
  for (const row of await file.read("SELECT id, type, domain, enabled, comment FROM domainlist", [])) {
    const type = numberAt(row, 1);
    imported.addRule({
      kind: type % 2 === 0 ? "allow" : "deny",
      match: type < 2 ? "exact" : "regex",
      text: textAt(row, 2),
      enabled: numberAt(row, 3) !== 0,
      comment: textAt(row, 4),
      groups: groupsOfRule(numberAt(row, 0)),
    });
  }
  const groupsOfList = await membership("adlist");
  for (const row of await file.read("SELECT id, address, enabled, comment, type FROM adlist", []))
    imported.addList({
      url: textAt(row, 1),
      enabled: numberAt(row, 2) !== 0,
      comment: textAt(row, 3),
      kind: numberAt(row, 4) === 1 ? "allow" : "block",
      groups: groupsOfList(numberAt(row, 0)),
    });
  const groupsOfClient = await membership("client");
  for (const row of await file.read("SELECT id, ip, comment FROM client", []))
    imported.addClient({
      match: textAt(row, 1).toLowerCase(),
      comment: textAt(row, 2),
      groups: groupsOfClient(numberAt(row, 0)),
    });
}
