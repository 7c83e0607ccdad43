import type { SqlValue } from "#base/env/sql.ts";
import { QUERY_STATUS } from "../query-record.ts";
import { firstIdAt } from "./logged-query.ts";
import type { QueryFilter } from "./query-filter.ts";

export interface Where {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** The same filter for the database. Only numbers and placeholders are in the text. */
export function whereOf(filter: QueryFilter): Where {
  const terms: string[] = ["1"];
  const values: SqlValue[] = [];
  const add = (term: string, value: SqlValue): void => {
    terms.push(term);
    values.push(value);
  };
  if (filter.fromMs !== undefined) add("q.id >= ?", firstIdAt(filter.fromMs));
  if (filter.untilMs !== undefined) add("q.id < ?", firstIdAt(filter.untilMs + 1));
  if (filter.beforeId !== undefined) add("q.id < ?", filter.beforeId);
  addText("n.text", filter.name, add);
  addText("c.text", filter.client, add);
  addText("u.text", filter.upstream, add);
  if (filter.authentic !== undefined) add("q.authentic = ?", filter.authentic ? 1 : 0);
  addNumbers("q.type", filter.types, terms);
  addNumbers("q.status", filter.statuses, terms);
  addNumbers("q.reply", filter.replies, terms);
  if (filter.blocked !== undefined) terms.push(`${filter.blocked ? "" : "NOT "}(${BLOCKED})`);
  return { sql: terms.join(" AND "), values };
}

/** See `isBlocked`. */
export const BLOCKED = `q.status BETWEEN ${QUERY_STATUS.blockedList} AND ${QUERY_STATUS.blockedUpstream}`;

function addText(column: string, text: string | undefined, add: (term: string, value: SqlValue) => void): void {
  if (text === undefined || text === "*") return;
  const escaped = text.replaceAll(/[\\%_]/g, String.raw`\$&`).replaceAll("*", "%");
  add(String.raw`${column} LIKE ? ESCAPE '\'`, escaped);
}

function addNumbers(column: string, numbers: readonly number[] | undefined, terms: string[]): void {
  if (numbers !== undefined) terms.push(`${column} IN (${numbers.map((number) => Math.trunc(number)).join()})`);
}
