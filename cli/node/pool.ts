import * as v from "valibot";
import { JobStubSchema, NodeStubSchema } from "#base/client/nomad-answers.ts";
import { segment, type Query } from "#base/client/api-caller.ts";
import { CodedError } from "#base/env/errors.ts";
import { block, integer, optionalFlag, text, textMap } from "#base/protocol/schema.ts";
import { answerOf, valueOf } from "../api/answer.ts";
import { oneByPrefix } from "../api/by-prefix.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { jobRows } from "../job/job-rows.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { readSpec } from "../spec/read-spec.ts";
import { nodeRows } from "./node-rows.ts";
import { poolFile } from "./pool-table.ts";

/** https://developer.hashicorp.com/nomad/api-docs/node-pools */
const PoolSchema = v.object({
  Name: text,
  Description: text,
  NodeIdentityTTL: integer,
  Meta: textMap,
  SchedulerConfiguration: block(v.object({ SchedulerAlgorithm: text, MemoryOversubscriptionEnabled: optionalFlag })),
  CreateIndex: integer,
  ModifyIndex: integer,
});
type Pool = v.InferOutput<typeof PoolSchema>;

export const list = withNomad(async (session) => {
  const { pools, nextToken } = await poolsOf(session, "");
  return show(session, pools, () => [
    ...columns(
      ["Name", "Description"],
      pools.map(({ Name, Description }) => [Name, Description || "<none>"]),
    ),
    ...(nextToken === "" ? [] : ["", `Next page: -page-token=${nextToken}`]),
  ]);
});

export const info = withNomad(async (session) => {
  const one = await findPool(session);
  return show(session, one, () => [
    ...properties([
      ["Name", one.Name],
      ["Description", one.Description || "<none>"],
    ]),
    "",
    ...(Object.keys(one.Meta).length === 0 ? ["No metadata"] : ["Metadata", ...properties(Object.entries(one.Meta))]),
    "",
    ...configurationLines(one),
  ]);
});

function configurationLines({ SchedulerConfiguration: set }: Pool): string[] {
  if (set === null) return ["No scheduler configuration"];
  const pairs = [
    ...(set.SchedulerAlgorithm === "" ? [] : [["Scheduler Algorithm", set.SchedulerAlgorithm] as const]),
    ...(set.MemoryOversubscriptionEnabled === null
      ? []
      : [["Memory Oversubscription Enabled", String(set.MemoryOversubscriptionEnabled)] as const]),
  ];
  return ["Scheduler Configuration", ...(pairs.length === 0 ? ["<none>"] : properties(pairs))];
}

/** `FILE`: one or several `node_pool "name" { … }`, or the API's JSON. */
export const apply = withNomad(async ({ nomad, operands, output }) => {
  const [file] = operands;
  if (file === undefined) throw new UsageError("name a file, or - for standard input");
  const pools = poolsOfFile(readSpec(file, poolFile));
  if (pools.length === 0) throw new CodedError("spec_file", `${file} holds no node_pool "name" { … }`);
  for (const pool of pools) {
    valueOf(await nomad.call({ method: "PUT", path: "/v1/node/pools", body: pool, schema: v.unknown() }));
    output.line(`Successfully applied node pool "${pool.Name}"!`);
  }
  return 0;
});

function poolsOfFile(read: unknown): Pool[] {
  const many = v.safeParse(v.object({ Pools: v.array(PoolSchema) }), read);
  if (many.success) return many.output.Pools;
  const one = v.safeParse(PoolSchema, read);
  return one.success && one.output.Name !== "" ? [one.output] : [];
}

export const remove = withNomad(async ({ nomad, operands, output }) => {
  const [name] = operands;
  if (name === undefined) throw new UsageError("name a node pool");
  valueOf(await nomad.call({ method: "DELETE", path: `/v1/node/pool/${segment(name)}`, schema: v.unknown() }));
  output.line(`Successfully deleted node pool "${name}"!`);
  return 0;
});

export const jobs = withNomad(async (session) => {
  const { Name } = await findPool(session);
  const path = `/v1/node/pool/${segment(Name)}/jobs`;
  const query = { ...pageOf(session), namespace: session.namespace ?? "*" };
  const all = valueOf(await session.nomad.call({ path, query, schema: v.array(JobStubSchema) }));
  return show(session, all, () => (all.length === 0 ? ["No jobs"] : jobRows(all)));
});

export const nodes = withNomad(async (session) => {
  const { Name } = await findPool(session);
  const path = `/v1/node/pool/${segment(Name)}/nodes`;
  const all = valueOf(await session.nomad.call({ path, query: pageOf(session), schema: v.array(NodeStubSchema) }));
  return show(session, all, () => (all.length === 0 ? ["No nodes"] : nodeRows(all, session.flags.on("verbose"))));
});

function pageOf({ flags }: NomadSession): Query {
  return {
    filter: flags.value("filter"),
    per_page: flags.value("per-page"),
    next_token: flags.value("page-token"),
  };
}

async function poolsOf(session: NomadSession, prefix: string) {
  const query = { ...pageOf(session), prefix };
  const answer = answerOf(await session.nomad.call({ path: "/v1/node/pools", query, schema: v.array(PoolSchema) }));
  return { pools: answer.value, nextToken: answer.nextToken };
}

async function findPool(session: NomadSession): Promise<Pool> {
  const [typed] = session.operands;
  if (typed === undefined) throw new UsageError("name a node pool");
  const found = valueOf(
    await session.nomad.call({ path: "/v1/node/pools", query: { prefix: typed }, schema: v.array(PoolSchema) }),
  );
  return oneByPrefix(found, typed, { kind: "node pool", idOf: ({ Name }) => Name, list: "lares node pool list" });
}
