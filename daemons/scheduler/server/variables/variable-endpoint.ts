import * as v from "valibot";
import { utf8 } from "#base/env/bytes.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { StoredVariable, VariableLock } from "#base/protocol/variable.ts";
import { absent, put, remove, unchanged } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { variables } from "#base/state/tables.ts";
import { nowNsOf, readable, type ServerContext } from "../server-context.ts";
import { findNamespace, namespaceGuard } from "../tenancy/namespace.ts";
import { sealedAt, variableKeys } from "./variable-keys.ts";
import type { LockKeeper } from "./lock-keeper.ts";
import { changeOf, type VariableChange, type VariableRequest } from "./variable-change.ts";
import { checkItems, checkLockTimes, checkPath, type Items } from "./variable-rules.ts";

/** A write that lost a race is judged again this often. */
const ATTEMPTS = 5;

export type VariableOutcome =
  | { readonly kind: "done"; readonly index: number; readonly row: Row<StoredVariable> | undefined }
  /** Somebody else's lock, or another modify index than expected; `row`: as it is now. */
  | { readonly kind: "conflict"; readonly row: Row<StoredVariable> | undefined };

export interface VariableDeps {
  readonly context: ServerContext;
  readonly keeper: Pick<LockKeeper, "renew">;
}

const ItemsSchema = v.record(v.string(), v.string());

/** What users and tasks do to variables. */
export class VariableEndpoint {
  readonly #deps: VariableDeps;

  constructor(deps: VariableDeps) {
    this.#deps = deps;
    deps.context.keyring.register(variableKeys(deps.context));
  }

  read(namespace: string, path: string): Row<StoredVariable> | undefined {
    return this.#deps.context.state.view.table(variables).get(namespace, path);
  }

  /** In the clear. Fails with `no_key` or `corrupt` when the key is gone or the data is not what was written. */
  itemsOf({ namespace, id, value }: Row<StoredVariable>): Result<Items> {
    const plain = this.#deps.context.keyring.decrypt(value, sealedAt(namespace, id));
    if (!plain.ok) return plain;
    try {
      return succeed(v.parse(ItemsSchema, JSON.parse(new TextDecoder().decode(plain.value))));
    } catch (thrown) {
      return fail("corrupt", `cannot read the items of a variable: ${messageOf(thrown)}`);
    }
  }

  async apply(namespace: string, path: string, request: VariableRequest): Promise<Result<VariableOutcome>> {
    const { view } = this.#deps.context.state;
    const problem = problemOf(path, request);
    if (!problem.ok) return problem;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (findNamespace(view, namespace)?.value.Deleting !== false) {
        return fail("invalid", `nonexistent namespace "${namespace}"`);
      }
      const row = this.read(namespace, path);
      const change = changeOf(request, row, nowNsOf(this.#deps.context));
      const done = await this.#carryOut({ namespace, path, row }, change);
      if (done !== undefined) return done;
      await readable(this.#deps.context, this.#deps.context.store.status().revision);
    }
    return fail("conflict", `variable "${path}" is written by others all the time`, "try again");
  }

  /** Undefined: somebody was faster. */
  async #carryOut(at: Place, change: VariableChange): Promise<Result<VariableOutcome> | undefined> {
    const { context, keeper } = this.#deps;
    const { row } = at;
    switch (change.kind) {
      case "missing":
        return fail("not_found", "variable not found");
      case "conflict":
        return succeed({ kind: "conflict", row });
      case "none":
        return succeed({ kind: "done", index: context.state.view.table(variables).lastIndex, row: undefined });
      case "renew":
        if (row !== undefined) keeper.renew(row);
        return succeed({ kind: "done", index: row?.modifyIndex ?? 0, row });
      case "delete":
        return this.#commit(at, undefined);
      case "write": {
        return this.#commit(at, this.#valueOf(change, at));
      }
      default:
        return change satisfies never;
    }
  }

  #valueOf(
    { items, lock }: { readonly items: Items | undefined; readonly lock: VariableLock | null },
    { namespace, path, row }: Place,
  ): StoredVariable {
    const before = row?.value;
    const ModifyTime = nowNsOf(this.#deps.context);
    const rest = { CreateTime: before?.CreateTime ?? ModifyTime, ModifyTime, Lock: lock, DelayUntil: 0 };
    if (items === undefined && before !== undefined) {
      return { KeyID: before.KeyID, Data: before.Data, ...rest };
    }
    const plain = utf8(JSON.stringify(items ?? {}));
    return { ...this.#deps.context.keyring.encrypt(plain, sealedAt(namespace, path)), ...rest };
  }

  async #commit(
    { namespace, path, row }: Place,
    value: StoredVariable | undefined,
  ): Promise<Result<VariableOutcome> | undefined> {
    const { context } = this.#deps;
    const same = row === undefined ? absent(variables, namespace, path) : unchanged(variables, row);
    const { ok, revision } = await context.store.txn({
      compare: [same, ...namespaceGuard(context.state.view, namespace)],
      then: [value === undefined ? remove(variables, namespace, path) : put(variables, { namespace, id: path }, value)],
    });
    if (!ok) return undefined;
    await readable(context, revision);
    if (value === undefined) return succeed({ kind: "done", index: revision, row: undefined });
    const createIndex = row?.createIndex ?? revision;
    const written = { namespace, id: path, value, createIndex, modifyIndex: revision };
    return succeed({ kind: "done", index: revision, row: written });
  }
}

interface Place {
  readonly namespace: string;
  readonly path: string;
  readonly row: Row<StoredVariable> | undefined;
}

function problemOf(path: string, request: VariableRequest): Result<void> {
  const checked = checkPath(path);
  if (!checked.ok) return checked;
  if (request.kind === "put") {
    if (Object.keys(request.items).length === 0) return fail("invalid", "empty variables are invalid: give Items");
    return checkItems(request.items);
  }
  if (request.kind !== "acquire") return succeed(undefined);
  const { TTL, LockDelay } = request.lock;
  const times = checkLockTimes({ TTL, LockDelay });
  return times.ok ? checkItems(request.items ?? {}) : times;
}
