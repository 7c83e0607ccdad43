import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import { parseDuration } from "#base/language/duration.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { PreparedQuery } from "#base/protocol/prepared-query.ts";
import { present, put, remove } from "#base/state/codec.ts";
import type { Store } from "#base/state/store.ts";
import type { Row, View } from "#base/state/table.ts";
import { preparedQueries, sessions } from "#base/state/tables.ts";
import { checkTemplate, fillTemplate } from "./template.ts";

/** Queries of one cluster. Above: creating fails. */
const MAX_QUERIES = 10_000;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The queries that are kept. */
export class PreparedQueries {
  readonly #env: Env;
  readonly #store: Store;
  readonly #view: View;

  constructor({ env, store, view }: { readonly env: Env; readonly store: Store; readonly view: View }) {
    this.#env = env;
    this.#store = store;
    this.#view = view;
  }

  get(id: string): Row<PreparedQuery> | undefined {
    return this.#view.table(preparedQueries).get(GLOBAL, id);
  }

  /** Resolves with its id. Rejects with `invalid_query`. */
  async create(query: PreparedQuery): Promise<string> {
    const ID = this.#env.random.uuid();
    if (this.#view.table(preparedQueries).size >= MAX_QUERIES)
      throw new CodedError("invalid_query", `there are ${MAX_QUERIES} prepared queries already`);
    await this.#write({ ...query, ID });
    return ID;
  }

  /** Rejects with `invalid_query`. */
  async update(query: PreparedQuery): Promise<void> {
    await this.#write(query);
  }

  async delete(id: string): Promise<void> {
    const { revision } = await this.#store.txn({ then: [remove(preparedQueries, GLOBAL, id)] });
    await this.#view.reached(revision);
  }

  /** By id, by name, or by the template whose name is the longest beginning of this one; filled in. */
  resolve(idOrName: string): PreparedQuery | undefined {
    const byId = UUID.test(idOrName) ? this.get(idOrName.toLowerCase())?.value : undefined;
    if (byId !== undefined) return byId;
    const table = this.#view.table(preparedQueries);
    const lower = idOrName.toLowerCase();
    for (const { value } of table.by("name", lower)) if (value.Template.Type === "") return value;
    let best: PreparedQuery | undefined;
    for (const { value } of table.by("template", "yes")) {
      if (!lower.startsWith(value.Name.toLowerCase())) continue;
      if (best === undefined || value.Name.length > best.Name.length) best = value;
    }
    return best === undefined ? undefined : fillTemplate(best, idOrName);
  }

  async #write(query: PreparedQuery): Promise<void> {
    this.#check(query);
    const compare = query.Session === "" ? [] : [present(sessions, GLOBAL, query.Session)];
    const done = await this.#store.txn({
      compare,
      then: [put(preparedQueries, { namespace: GLOBAL, id: query.ID }, query)],
    });
    if (!done.ok) throw invalid(`session ${JSON.stringify(query.Session)} ended`);
    await this.#view.reached(done.revision);
  }

  #check(query: PreparedQuery): void {
    const { Service, Session, Name, DNS, Template } = query;
    if (Service.Service === "") throw invalid("Must provide a Service name for querying");
    if (Name === "" && Session === "" && Template.Type === "" && query.Token === "")
      throw invalid("Must be bound to a session or have a name");
    if (UUID.test(Name)) throw invalid(`name ${JSON.stringify(Name)} looks like an id`);
    if (Session !== "" && this.#view.table(sessions).get(GLOBAL, Session) === undefined)
      throw invalid(`invalid session ${JSON.stringify(Session)}`);
    if (DNS.TTL !== "" && !((parseDuration(DNS.TTL) ?? -1) >= 0))
      throw invalid(`bad DNS TTL ${JSON.stringify(DNS.TTL)}: expected a duration such as 10s`);
    for (const row of this.#view.table(preparedQueries).by("name", Name.toLowerCase())) {
      const sameKind = (row.value.Template.Type === "") === (Template.Type === "");
      if (row.id !== query.ID && sameKind) throw invalid(`name ${JSON.stringify(Name)} belongs to query ${row.id}`);
    }
    const template = checkTemplate(query);
    if (!template.ok) throw new CodedError(template.error.code, template.error.message, template.error.hint);
  }
}

function invalid(message: string): CodedError {
  return new CodedError("invalid_query", `Invalid prepared query: ${message}`);
}
