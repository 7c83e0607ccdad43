import { fail, succeed, type Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { NodePoolSchema, type NodePool } from "#base/protocol/node-pool.ts";
import { absent, put, remove } from "#base/state/codec.ts";
import { jobs, nodePools, nodes } from "#base/state/tables.ts";
import * as v from "valibot";
import { standingOf } from "../job-status.ts";
import { readable, type ServerContext } from "../server-context.ts";
import { ALL_POOL, findNodePool, isBuiltInPool } from "./node-pool.ts";

const NAME = /^[a-zA-Z0-9_-]{1,128}$/;
const LONGEST_DESCRIPTION = 256;

/** What operators do to node pools. Each resolves with the revision after which it can be read. */
export class NodePoolEndpoint {
  readonly #context: ServerContext;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  async upsert(wanted: NodePool): Promise<Result<number>> {
    const problem = poolNameProblem(wanted.Name);
    if (problem !== undefined) return fail("invalid", problem);
    if (isBuiltInPool(wanted.Name)) return fail("invalid", `modifying node pool "${wanted.Name}" is not allowed`);
    if (wanted.Description.length > LONGEST_DESCRIPTION) {
      return fail("invalid", `description longer than ${LONGEST_DESCRIPTION}`);
    }
    const revision = await this.#context.writer.write([put(nodePools, at(wanted.Name), wanted)]);
    return succeed(await readable(this.#context, revision));
  }

  async remove(name: string): Promise<Result<number>> {
    const { state, writer } = this.#context;
    if (isBuiltInPool(name)) return fail("invalid", `deleting node pool "${name}" is not allowed`);
    if (findNodePool(state.view, name) === undefined) return fail("not_found", `node pool "${name}" not found`);
    for (const { value } of state.view.table(nodes).list()) {
      if (value.NodePool === name) return fail("in_use", `node pool "${name}" has nodes, such as ${value.ID}`);
    }
    for (const row of state.view.table(jobs).list()) {
      if (row.value.NodePool !== name || standingOf(state, row).status === "dead") continue;
      return fail("in_use", `node pool "${name}" has jobs that are not dead, such as "${row.id}"`);
    }
    return succeed(await readable(this.#context, await writer.write([remove(nodePools, GLOBAL, name)])));
  }
}

/** A node that names a pool nobody made makes it. */
export async function ensureNodePool(context: ServerContext, name: string): Promise<Result<void>> {
  if (findNodePool(context.state.view, name) !== undefined && name !== ALL_POOL) return succeed(undefined);
  const problem = poolNameProblem(name);
  if (problem !== undefined) return fail("node_pool", problem, "set client { node_pool } to another name");
  if (name === ALL_POOL) {
    return fail("node_pool", `a node cannot be registered in node pool "${ALL_POOL}"`, "every node is in it anyway");
  }
  const made = await context.store.txn({
    compare: [absent(nodePools, GLOBAL, name)],
    then: [put(nodePools, at(name), v.parse(NodePoolSchema, { Name: name }))],
  });
  await readable(context, made.revision);
  return succeed(undefined);
}

function poolNameProblem(name: string): string | undefined {
  if (NAME.test(name)) return undefined;
  return `invalid name ${JSON.stringify(name)}, must match regex ${NAME}`;
}

function at(id: string) {
  return { namespace: GLOBAL, id };
}
