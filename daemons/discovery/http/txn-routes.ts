import * as v from "valibot";
import { demand, type Access } from "#base/http/access.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { text } from "#base/protocol/schema.ts";
import { MAX_KV_VALUE_BYTES } from "../kv/kv-store.ts";
import { MAX_TXN_OPERATIONS, runTransaction, type TxnOperation } from "../kv/transaction.ts";
import { ownDatacenter, type ConsulDeps } from "./consul-deps.ts";
import { demandTree } from "./kv-routes.ts";
import { kvShape } from "./shapes.ts";

/** Unsigned 64-bit integers come as bigint; what fits a double may come as that. */
const uint64 = v.nullish(
  v.union([
    v.pipe(
      v.bigint(),
      v.check((value) => value >= 0n && value < 1n << 64n, "expected an unsigned 64-bit integer"),
      v.transform(String),
    ),
    v.pipe(v.number(), v.integer(), v.minValue(0), v.transform(String)),
  ]),
  0,
);

const KvSchema = v.object({
  Verb: v.string(),
  Key: text,
  /** Base64. */
  Value: v.nullish(v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]*={0,2}$/, "expected base64")), ""),
  Flags: uint64,
  Index: v.nullish(v.union([v.number(), v.pipe(v.bigint(), v.transform(Number))]), 0),
  Session: text,
});
const BodySchema = v.array(v.object({ KV: v.nullish(KvSchema) }));
type KvOperation = v.InferOutput<typeof KvSchema>;

const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** https://developer.hashicorp.com/consul/api-docs/txn */
export function txnRoutes(deps: ConsulDeps): Route[] {
  return [
    route({
      method: "PUT",
      path: "/v1/txn",
      summary: "Carries out all operations on keys, or none",
      access: { kind: "filtered" },
      target: (body) => body.map(({ KV }) => `${KV?.Verb ?? ""} ${KV?.Key ?? ""}`).join(", "),
      body: jsonBody(BodySchema, { bigintKeys: ["Flags", "Index"] }),
      maxBodyBytes: MAX_BODY_BYTES,
      async handle({ body, rawQuery, access }) {
        ownDatacenter(deps.config, rawQuery);
        if (body.length > MAX_TXN_OPERATIONS) {
          throw new HttpError(413, `Transaction contains too many operations (${body.length} > ${MAX_TXN_OPERATIONS})`);
        }
        const operations = body.map(({ KV }, i) => {
          if (KV === null || KV === undefined)
            throw new HttpError(400, `operation ${i}: only KV operations are carried out here`);
          return readOperation(KV, i);
        });
        for (const operation of operations) demandOperation(deps, access, operation);
        const outcome = await runTransaction(deps, operations);
        if (!outcome.ok) {
          const errors = outcome.errors.map(({ index, what }) => ({ OpIndex: index, What: what }));
          return { kind: "json", status: 409, value: { Results: null, Errors: errors } };
        }
        const results = outcome.results.map(({ row, withValue }) => {
          const shape = kvShape(row);
          return { KV: withValue ? shape : { ...shape, Value: null } };
        });
        return { kind: "json", index: outcome.index, value: { Results: results, Errors: null } };
      },
    }),
  ];
}

/** Throws a 403. */
function demandOperation(deps: ConsulDeps, access: Access, operation: TxnOperation): void {
  const name = operation.kind === "write" ? operation.write.key : operation.key;
  if (operation.kind === "delete-tree") return demandTree(deps, access, name);
  const capability = operation.kind === "write" ? "write" : "read";
  if (operation.kind !== "get-tree") return demand(access, { resource: "key", capability, name });
  if (access.isManagement) return;
  for (const { id } of deps.kv.list(name)) demand(access, { resource: "key", capability, name: id });
}

function readOperation(operation: KvOperation, at: number): TxnOperation {
  const { Verb: verb, Key: key, Value, Flags: flags, Session: session, Index: index } = operation;
  if (key === "" && verb !== "get-tree" && verb !== "delete-tree")
    throw new HttpError(400, `operation ${at}: Missing key name`);
  const value = Buffer.from(Value, "base64");
  if (value.length > MAX_KV_VALUE_BYTES)
    throw new HttpError(413, `operation ${at}: value of ${value.length} bytes, at most ${MAX_KV_VALUE_BYTES}`);
  const entry = { key, value: value.toString("base64"), flags };
  switch (verb) {
    case "set":
      return { kind: "write", write: { verb, ...entry } };
    case "cas":
      return { kind: "write", write: { verb, ...entry, index } };
    case "lock":
    case "unlock":
      return { kind: "write", write: { verb, ...entry, session } };
    case "delete":
      return { kind: "write", write: { verb, key } };
    case "delete-cas":
      return { kind: "write", write: { verb, key, index } };
    case "get":
    case "get-or-empty":
    case "check-not-exists":
      return { kind: verb, key };
    case "get-tree":
    case "delete-tree":
      return { kind: verb, key };
    case "check-index":
      return { kind: verb, key, index };
    case "check-session":
      return { kind: verb, key, session };
    default:
      throw new HttpError(400, `operation ${at}: unknown KV verb ${JSON.stringify(verb)}`);
  }
}
