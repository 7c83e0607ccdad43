import * as v from "valibot";
import type { SqlFile, SqlRow } from "#base/env/sql.ts";
import { REPLY_KIND, QUERY_STATUS, type QueryTransport } from "../query-record.ts";
import { firstIdAt, IDS_PER_MS, type LoggedQuery } from "./logged-query.ts";
import { whereOf } from "./sql-filter.ts";
import type { QueryFilter } from "./query-filter.ts";

/** Texts are kept once; times are in the ids, so that a span of time is a span of keys and no index is needed. */
export const LOG_SCHEMA = [
  "CREATE TABLE IF NOT EXISTS texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
  `CREATE TABLE IF NOT EXISTS queries (id INTEGER PRIMARY KEY, client INTEGER NOT NULL, name INTEGER NOT NULL,
    type INTEGER NOT NULL, status INTEGER NOT NULL, reply INTEGER NOT NULL, rcode INTEGER NOT NULL, rule INTEGER NOT NULL,
    upstream INTEGER NOT NULL, micros INTEGER NOT NULL, way INTEGER NOT NULL, authentic INTEGER NOT NULL)`,
];

const INSERT_TEXT = "INSERT INTO texts (id, text) VALUES (?, ?)";
const FIND_TEXTS = "SELECT text, id FROM texts WHERE text IN (SELECT value FROM json_each(?))";
const INSERT = "INSERT OR IGNORE INTO queries VALUES";
const WIDTH = 12;
/** Texts whose ids are known without asking: a household's names of some days. */
const MAX_KNOWN_TEXTS = 20_000;
const COLUMNS = `q.id, c.text, n.text, q.type, q.status, q.reply, q.rcode, q.rule, u.text, q.micros, q.way, q.authentic`;
export const JOINED = `queries q JOIN texts c ON c.id = q.client JOIN texts n ON n.id = q.name JOIN texts u ON u.id = q.upstream`;
/** Rows deleted in one transaction, so that writes get their turn. */
const DELETE_STEP = 20_000;
const TRANSPORTS = ["udp", "tcp", "dot", "doh"] as const;

/** What a query is in the database, and how much there is of it. */
export class LongTerm {
  readonly #file: SqlFile;
  /** What was used longest ago comes first. */
  readonly #known = new Map<string, number>();
  #nextText: number | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(file: SqlFile) {
    this.#file = file;
  }

  append(queries: readonly LoggedQuery[]): Promise<void> {
    return this.#inTurn(() => this.#append(queries));
  }

  async #append(queries: readonly LoggedQuery[]): Promise<void> {
    const ids = await this.#idsOf(queries);
    const added = [...ids.added].map(([text, id]) => [id, text]);
    const numbers = new Float64Array(queries.length * WIDTH);
    for (const [at, query] of queries.entries()) writeRow(query, ids.of, { numbers, at: at * WIDTH });
    await this.#file.write([
      { sql: INSERT_TEXT, rows: added },
      { insert: INSERT, numbers, width: WIDTH },
    ]);
    for (const [text, id] of ids.of) this.#remember(text, id);
  }

  /** Newest first. */
  async find(filter: QueryFilter, page: { readonly limit: number; readonly skip: number }): Promise<LoggedQuery[]> {
    const { sql, values } = whereOf(filter);
    const rows = await this.#file.read(
      `SELECT ${COLUMNS} FROM ${JOINED} WHERE ${sql} ORDER BY q.id DESC LIMIT ? OFFSET ?`,
      [...values, page.limit, page.skip],
    );
    return rows.map(queryOf);
  }

  async count(filter: QueryFilter): Promise<number> {
    const { sql, values } = whereOf(filter);
    const from = Object.keys(filter).length === 0 ? "queries q" : JOINED;
    const [row] = await this.#file.read(`SELECT COUNT(*) FROM ${from} WHERE ${sql}`, values);
    return numberAt(row, 0);
  }

  /** Rows of a summary of a span: whatever `select` and `group` name, of columns of {@link JOINED}. */
  grouped(what: { readonly select: string; readonly tail: string }, filter: QueryFilter): Promise<readonly SqlRow[]> {
    const { sql, values } = whereOf(filter);
    return this.#file.read(`SELECT ${what.select} FROM ${JOINED} WHERE ${sql} ${what.tail}`, values);
  }

  /** When the oldest was, ms since the epoch; undefined when there is none. */
  async earliestMs(): Promise<number | undefined> {
    const [row] = await this.#file.read("SELECT MIN(id) FROM queries", []);
    return row === undefined || row[0] === null ? undefined : numberAt(row, 0) / IDS_PER_MS;
  }

  /** Forgets what is older, and then texts nobody uses. */
  forgetBefore(timeMs: number): Promise<void> {
    return this.#inTurn(() => this.#forgetBefore(timeMs));
  }

  async #forgetBefore(timeMs: number): Promise<void> {
    const end = firstIdAt(timeMs);
    for (;;) {
      const [row] = await this.#file.read(
        "SELECT COUNT(*), MAX(id) FROM (SELECT id FROM queries WHERE id < ? ORDER BY id LIMIT ?)",
        [end, DELETE_STEP],
      );
      const last = numberAt(row, 1);
      if (numberAt(row, 0) === 0) break;
      await this.#file.write([{ sql: "DELETE FROM queries WHERE id <= ?", rows: [[last]] }]);
    }
    const used = "SELECT client FROM queries UNION SELECT name FROM queries UNION SELECT upstream FROM queries";
    // What it knew may be among them.
    this.#known.clear();
    await this.#file.write([{ sql: `DELETE FROM texts WHERE id NOT IN (${used})`, rows: [[]] }]);
  }

  /** Bytes of the database. */
  async size(): Promise<number> {
    const [row] = await this.#file.read(
      "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
      [],
    );
    return numberAt(row, 0);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** What writes goes one after the other: ids of texts are given here, and a text that is forgotten has none. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** The id of every text of these queries, and which of them the database does not have yet. */
  async #idsOf(queries: readonly LoggedQuery[]): Promise<TextIds> {
    const of = new Map<string, number>();
    const unknown = new Set<string>();
    for (const { client, name, upstream } of queries) {
      for (const text of [client, name, upstream]) {
        if (of.has(text) || unknown.has(text)) continue;
        const id = this.#known.get(text);
        if (id === undefined) unknown.add(text);
        else of.set(text, id);
      }
    }
    const added = new Map<string, number>();
    if (unknown.size === 0) return { of, added };
    for (const row of await this.#file.read(FIND_TEXTS, [JSON.stringify([...unknown])])) {
      of.set(textAt(row, 0), numberAt(row, 1));
      unknown.delete(textAt(row, 0));
    }
    if (this.#nextText === undefined) {
      const [row] = await this.#file.read("SELECT MAX(id) FROM texts", []);
      this.#nextText = numberAt(row, 0) + 1;
    }
    for (const text of unknown) added.set(text, this.#nextText++);
    for (const [text, id] of added) of.set(text, id);
    return { of, added };
  }

  #remember(text: string, id: number): void {
    this.#known.delete(text);
    this.#known.set(text, id);
    if (this.#known.size <= MAX_KNOWN_TEXTS) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
  }
}

interface TextIds {
  readonly of: ReadonlyMap<string, number>;
  readonly added: ReadonlyMap<string, number>;
}

export function numberAt(row: SqlRow | undefined, at: number): number {
  const value = row?.[at];
  return typeof value === "number" ? value : 0;
}

export function textAt(row: SqlRow, at: number): string {
  const value = row[at];
  return typeof value === "string" ? value : "";
}

function writeRow(
  query: LoggedQuery,
  ids: ReadonlyMap<string, number>,
  { numbers, at }: { readonly numbers: Float64Array; readonly at: number },
): void {
  numbers[at] = query.id;
  numbers[at + 1] = ids.get(query.client) ?? 0;
  numbers[at + 2] = ids.get(query.name) ?? 0;
  numbers[at + 3] = query.type;
  numbers[at + 4] = query.status;
  numbers[at + 5] = query.reply;
  numbers[at + 6] = query.rcode;
  numbers[at + 7] = query.ruleId;
  numbers[at + 8] = ids.get(query.upstream) ?? 0;
  numbers[at + 9] = Math.round(query.durationMs * 1000);
  numbers[at + 10] = TRANSPORTS.indexOf(query.transport);
  numbers[at + 11] = query.authentic ? 1 : 0;
}

const StatusSchema = v.fallback(v.picklist(Object.values(QUERY_STATUS)), QUERY_STATUS.failed);
const ReplySchema = v.fallback(v.picklist(Object.values(REPLY_KIND)), REPLY_KIND.other);

function queryOf(row: SqlRow): LoggedQuery {
  const id = numberAt(row, 0);
  const transport: QueryTransport = TRANSPORTS[numberAt(row, 10)] ?? "udp";
  return {
    id,
    timeMs: Math.floor(id / IDS_PER_MS),
    client: textAt(row, 1),
    name: textAt(row, 2),
    type: numberAt(row, 3),
    status: v.parse(StatusSchema, numberAt(row, 4)),
    reply: v.parse(ReplySchema, numberAt(row, 5)),
    rcode: numberAt(row, 6),
    ruleId: numberAt(row, 7),
    upstream: textAt(row, 8),
    durationMs: numberAt(row, 9) / 1000,
    transport,
    authentic: numberAt(row, 11) === 1,
  };
}
