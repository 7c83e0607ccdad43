import * as v from "valibot";
import { demand, type Access } from "#base/http/access.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { CatalogNodeSchema } from "#base/protocol/catalog.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { text } from "#base/protocol/schema.ts";
import { catalogChecks, catalogServices } from "#base/state/tables.ts";
import { MAX_KV_VALUE_BYTES } from "../kv/kv-store.ts";
import type { Author } from "../kv/kv-write.ts";
import { MAX_TXN_OPERATIONS, runTransaction } from "../txn/transaction.ts";
import type { CatalogOperation, CatalogVerb, KvOperation, TxnOperation, TxnResultRow } from "../txn/operation.ts";
import { CheckBodySchema, ServiceBodySchema, serviceRowOf } from "../catalog/catalog-writer.ts";
import type { ConsulDeps } from "./consul-deps.ts";
import { authorOf, demandTree } from "./kv-routes.ts";
import { API_KEYS, spelled } from "../catalog/key-spelling.ts";
import { checkShape, kvShape, nodeShape, serviceShape } from "./shapes.ts";

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
const index = v.nullish(v.union([v.number(), v.pipe(v.bigint(), v.transform(Number))]), 0);
const catalogVerb = v.picklist(["set", "cas", "get", "delete", "delete-cas"]);
const NodeSchema = v.object({
  Verb: catalogVerb,
  Node: v.object({ ...CatalogNodeSchema.entries, ModifyIndex: index }),
});
const ServiceSchema = v.object({
  Verb: catalogVerb,
  Node: text,
  Service: v.object({ ...ServiceBodySchema.entries, ModifyIndex: index }),
});
const CheckSchema = v.object({
  Verb: catalogVerb,
  Check: v.object({ ...CheckBodySchema.entries, ModifyIndex: index }),
});
const OperationSchema = v.object({
  KV: v.nullish(KvSchema),
  Node: v.nullish(spelled(NodeSchema, API_KEYS)),
  Service: v.nullish(spelled(ServiceSchema, API_KEYS)),
  Check: v.nullish(spelled(CheckSchema, API_KEYS)),
});
const BodySchema = v.array(OperationSchema);
type Given = v.InferOutput<typeof OperationSchema>;

const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** https://developer.hashicorp.com/consul/api-docs/txn */
export function txnRoutes(deps: ConsulDeps): Route[] {
  const { maxTxnOps: maxOps = MAX_TXN_OPERATIONS, maxValueBytes: maxBytes = MAX_KV_VALUE_BYTES } =
    deps.config.limits ?? {};
  return [
    route({
      method: "PUT",
      path: "/v1/txn",
      summary: "Carries out all operations on keys, nodes, services and checks, or none",
      access: { kind: "filtered" },
      target: (body) => body.map(targetOf).join(", "),
      body: jsonBody(BodySchema, { bigintKeys: ["Flags", "Index"] }),
      maxBodyBytes: Math.max(MAX_BODY_BYTES, 2 * maxBytes),
      async handle({ body, access }) {
        if (body.length > maxOps) {
          throw new HttpError(413, `Transaction contains too many operations (${body.length} > ${maxOps})`);
        }
        const author = authorOf(deps, access);
        const operations = body.map((given, at) =>
          readOperation(given, { at, author, maxBytes, datacenter: deps.config.datacenter }),
        );
        for (const operation of operations) demandOperation(deps, access, operation);
        const outcome = await runTransaction(deps, operations);
        if (!outcome.ok) {
          const errors = outcome.errors.map(({ index: OpIndex, what }) => ({ OpIndex, What: what }));
          return { kind: "json", status: 409, value: { Results: null, Errors: errors } };
        }
        return {
          kind: "json",
          index: outcome.index,
          value: { Results: outcome.results.map(resultShape), Errors: null },
        };
      },
    }),
  ];
}

function targetOf({ KV, Node, Service, Check }: Given): string {
  if (KV) return `${KV.Verb} ${KV.Key}`;
  if (Node) return `${Node.Verb} node ${Node.Node.Node}`;
  if (Service) return `${Service.Verb} service ${Service.Service.Service}`;
  return `${Check?.Verb ?? ""} check ${Check?.Check.CheckID ?? ""}`;
}

function resultShape(result: TxnResultRow) {
  switch (result.kind) {
    case "kv": {
      const shape = kvShape(result.row);
      return { KV: result.withValue ? shape : { ...shape, Value: null } };
    }
    case "node":
      return { Node: nodeShape(result.row) };
    case "service":
      return { Service: serviceShape(result.row) };
    case "check":
      return { Check: checkShape(result.row) };
    default:
      return result satisfies never;
  }
}

/** Throws a 403. */
function demandOperation(deps: ConsulDeps, access: Access, operation: TxnOperation): void {
  if (operation.kind === "node" || operation.kind === "service" || operation.kind === "check") {
    const need = operation.verb === "get" ? "read" : "write";
    for (const { resource, name } of touchedBy(deps, operation)) demand(access, { resource, capability: need, name });
    return;
  }
  const name = operation.kind === "write" ? operation.write.key : operation.key;
  if (operation.kind === "delete-tree") return demandTree(deps, access, name);
  const need = operation.kind === "write" ? "write" : "read";
  if (operation.kind !== "get-tree") return demand(access, { resource: "key", capability: need, name });
  if (access.isManagement) return;
  for (const { id } of deps.kv.list(name)) demand(access, { resource: "key", capability: need, name: id });
}

/** What leave is needed for: of a service that is replaced its name so far, too. */
function touchedBy(
  { view }: ConsulDeps,
  operation: CatalogOperation,
): readonly { readonly resource: string; readonly name: string }[] {
  if (operation.kind === "node") return [{ resource: "node-name", name: operation.row.Node }];
  const services = view.table(catalogServices);
  const { Node } = operation.row;
  if (operation.kind === "service") {
    const { ID, Service } = operation.row;
    const before = services.get(GLOBAL, `${Node}/${ID}`)?.value.Service ?? Service;
    return [before, ...(Service === "" ? [] : [Service])].map((name) => ({ resource: "service", name }));
  }
  const { CheckID, ServiceID } = operation.row;
  const before = view.table(catalogChecks).get(GLOBAL, `${Node}/${CheckID}`)?.value.ServiceID ?? ServiceID;
  return [before, ServiceID].map((id) => {
    const service = id === "" ? undefined : services.get(GLOBAL, `${Node}/${id}`)?.value.Service;
    return service === undefined ? { resource: "node-name", name: Node } : { resource: "service", name: service };
  });
}

interface Intake {
  /** Which operation of the transaction. */
  readonly at: number;
  readonly author: Author;
  readonly datacenter: string;
  readonly maxBytes: number;
}

function readOperation(
  { KV, Node, Service, Check }: Given,
  { at, datacenter, author, maxBytes }: Intake,
): TxnOperation {
  const given = [KV, Node, Service, Check].filter((one) => one !== null && one !== undefined);
  if (given.length !== 1)
    throw new HttpError(400, `operation ${at}: expected exactly one of KV, Node, Service and Check`);
  if (KV) return readKv(KV, { at, author, maxBytes });
  if (Node) {
    const { ModifyIndex, ...row } = Node.Node;
    if (row.Node === "" || row.Node.includes("/"))
      throw new HttpError(400, `operation ${at}: Must provide a node name`);
    if (row.Address === "" && changes(Node.Verb))
      throw new HttpError(400, `operation ${at}: Must provide the node's Address`);
    return { kind: "node", verb: Node.Verb, index: ModifyIndex, row: { ...row, Datacenter: datacenter } };
  }
  if (Service) {
    const { ModifyIndex, ...body } = Service.Service;
    const row = serviceRowOf(Service.Node, body);
    if (row === undefined || Service.Node === "")
      throw new HttpError(400, `operation ${at}: Must provide node and service`);
    return { kind: "service", verb: Service.Verb, index: ModifyIndex, row };
  }
  const CheckID = Check?.Check.CheckID || Check?.Check.Name || "";
  if (Check === null || Check === undefined || CheckID === "" || Check.Check.Node === "")
    throw new HttpError(400, `operation ${at}: Must provide the check's Node and CheckID`);
  const { ModifyIndex, ...row } = Check.Check;
  return { kind: "check", verb: Check.Verb, index: ModifyIndex, row: { ...row, CheckID } };
}

function changes(verb: CatalogVerb): boolean {
  return verb === "set" || verb === "cas";
}

function readKv(
  operation: v.InferOutput<typeof KvSchema>,
  { at, author, maxBytes }: Pick<Intake, "at" | "author" | "maxBytes">,
): KvOperation {
  const { Verb: verb, Key: key, Value, Flags: flags, Session: session, Index: index } = operation;
  if (key === "" && verb !== "get-tree" && verb !== "delete-tree")
    throw new HttpError(400, `operation ${at}: Missing key name`);
  const value = Buffer.from(Value, "base64");
  if (value.length > maxBytes)
    throw new HttpError(413, `operation ${at}: value of ${value.length} bytes, at most ${maxBytes}`);
  const entry = { key, value: value.toString("base64"), flags, author };
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
