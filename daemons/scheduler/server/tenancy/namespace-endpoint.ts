import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { Namespace, StoredNamespace } from "#base/protocol/namespace.ts";
import { put, remove, unchanged } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { allocs, jobs, namespaces, variables } from "#base/state/tables.ts";
import { isTerminal } from "../alloc-state.ts";
import { standingOf } from "../job-status.ts";
import { readable, type ServerContext } from "../server-context.ts";
import { DEFAULT_NAMESPACE } from "./namespace.ts";

const NAME = /^[a-zA-Z0-9-]{1,128}$/;
const LONGEST_DESCRIPTION = 256;

/** What operators do to namespaces. Each resolves with the revision after which it can be read. */
export class NamespaceEndpoint {
  readonly #context: ServerContext;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  async upsert(wanted: Namespace): Promise<Result<number>> {
    const problem = problemOf(wanted);
    if (problem !== undefined) return fail("invalid", problem);
    const at = { namespace: GLOBAL, id: wanted.Name };
    const revision = await this.#context.writer.write([put(namespaces, at, { ...wanted, Deleting: false })]);
    return succeed(await readable(this.#context, revision));
  }

  /** Closes the door, looks whether anybody is inside, then deletes, or opens it again. */
  async remove(name: string): Promise<Result<number>> {
    const { store, state } = this.#context;
    if (name === DEFAULT_NAMESPACE) return fail("invalid", "the default namespace cannot be deleted");
    const row = state.view.table(namespaces).get(GLOBAL, name);
    if (row === undefined) return fail("not_found", `namespace "${name}" not found`);
    const closed = await this.#write(row, { ...row.value, Deleting: true });
    if (closed === undefined) return fail("conflict", `namespace "${name}" was changed at the same time`, "try again");
    const used = this.#use(name);
    if (used !== undefined) {
      await this.#write(closed, { ...row.value, Deleting: false });
      return fail("in_use", `namespace "${name}" ${used}`, "stop or move what is in it first");
    }
    const gone = await store.txn({
      compare: [unchanged(namespaces, closed)],
      then: [remove(namespaces, GLOBAL, name)],
    });
    if (!gone.ok) return fail("conflict", `namespace "${name}" was changed at the same time`, "try again");
    return succeed(await readable(this.#context, gone.revision));
  }

  /** Doors that a crash left closed in the middle of a deletion are opened again. */
  async reopen(): Promise<void> {
    const { state, env } = this.#context;
    const closed = [...state.view.table(namespaces).list(GLOBAL)].filter(({ value }) => value.Deleting);
    for (const row of closed) {
      await this.#write(row, { ...row.value, Deleting: false }).catch((thrown: unknown) => {
        env.log.warn("a namespace stays closed", { namespace: row.id, reason: messageOf(thrown) });
      });
    }
  }

  /** The row as it is afterwards; undefined when somebody else was faster. */
  async #write(row: Row<StoredNamespace>, value: StoredNamespace): Promise<Row<StoredNamespace> | undefined> {
    const { store, state } = this.#context;
    const done = await store.txn({ compare: [unchanged(namespaces, row)], then: [put(namespaces, row, value)] });
    await readable(this.#context, done.revision);
    return done.ok ? state.view.table(namespaces).get(GLOBAL, row.id) : undefined;
  }

  #use(name: string): string | undefined {
    const { state } = this.#context;
    for (const row of state.view.table(jobs).list(name)) {
      if (standingOf(state, row).status !== "dead") return `has jobs that are not dead, such as "${row.id}"`;
    }
    for (const row of state.view.table(allocs).list(name)) {
      if (!isTerminal(state.known(row))) return `has allocations that have not ended, such as ${row.id}`;
    }
    for (const { id } of state.view.table(variables).list(name)) return `has variables, such as "${id}"`;
    return undefined;
  }
}

function problemOf({ Name, Description, NodePoolConfiguration: pools }: Namespace): string | undefined {
  if (!NAME.test(Name)) {
    return `invalid name ${JSON.stringify(Name)}. Must match regex /^[a-zA-Z0-9-]{1,128}$/`;
  }
  if (Description.length > LONGEST_DESCRIPTION) return `description longer than ${LONGEST_DESCRIPTION}`;
  if (pools !== null && pools.Allowed.length > 0 && pools.Denied.length > 0) {
    return "only one of NodePoolConfiguration.Allowed and .Denied may be given";
  }
  return undefined;
}
