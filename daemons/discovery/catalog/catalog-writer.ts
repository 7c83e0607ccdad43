import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import { GLOBAL, keyOf } from "#base/protocol/keys.ts";
import {
  CatalogCheckSchema,
  ServiceAddressSchema,
  WeightsSchema,
  type CatalogCheck,
  type CatalogNode,
  type CatalogService,
} from "#base/protocol/catalog.ts";
import { flag, integer, list, text, textMap, texts } from "#base/protocol/schema.ts";
import { put, remove } from "#base/state/codec.ts";
import type { Op, Store } from "#base/state/store.ts";
import type { Table, View } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices } from "#base/state/tables.ts";

export const CheckBodySchema = v.object({ ...CatalogCheckSchema.entries, Node: text });
export const ServiceBodySchema = v.object({
  ID: text,
  Service: text,
  Kind: text,
  Tags: texts,
  Address: text,
  TaggedAddresses: v.nullish(v.record(v.string(), ServiceAddressSchema), () => ({})),
  Meta: textMap,
  Port: integer,
  Weights: v.nullish(WeightsSchema, () => ({ Passing: 1, Warning: 1 })),
  EnableTagOverride: flag,
});

/** https://developer.hashicorp.com/consul/api-docs/catalog#register-entity */
export const RegistrationSchema = v.object({
  Datacenter: text,
  ID: text,
  Node: text,
  Address: text,
  TaggedAddresses: textMap,
  NodeMeta: textMap,
  Service: v.nullish(ServiceBodySchema, null),
  Check: v.nullish(CheckBodySchema, null),
  Checks: list(CheckBodySchema),
  SkipNodeUpdate: flag,
});
export type Registration = v.InferOutput<typeof RegistrationSchema>;

export const DeregistrationSchema = v.object({ Datacenter: text, Node: text, ServiceID: text, CheckID: text });
export type Deregistration = v.InferOutput<typeof DeregistrationSchema>;

/** Writes the catalog for those who have no agent of ours: nodes and services registered from outside. */
export class CatalogWriter {
  readonly #store: Store;
  readonly #view: View;

  constructor(store: Store, view: View) {
    this.#store = store;
    this.#view = view;
  }

  /** Rejects with `invalid_registration`. */
  async register(registration: Registration, datacenter: string): Promise<void> {
    const node = registration.Node;
    if (node === "" || (registration.Address === "" && !registration.SkipNodeUpdate)) {
      throw new CodedError("invalid_registration", "Must provide node and address");
    }
    if (node.includes("/"))
      throw new CodedError("invalid_registration", `node name ${JSON.stringify(node)} may not hold a slash`);
    const known = this.#view.table(catalogNodes).get(GLOBAL, node);
    const ops: Op[] = [];
    if (!registration.SkipNodeUpdate || known === undefined)
      ops.push(...this.#put(catalogNodes, node, nodeRow(registration, datacenter)));
    const service = serviceRow(registration);
    if (service !== undefined) ops.push(...this.#put(catalogServices, `${node}/${service.ID}`, service));
    const checks = [...(registration.Check === null ? [] : [registration.Check]), ...registration.Checks];
    for (const check of checks) {
      const row = this.#checkRow(check, node, service);
      ops.push(...this.#put(catalogChecks, `${node}/${row.CheckID}`, row));
    }
    await this.#commit(ops);
  }

  async deregister({ Node, ServiceID, CheckID }: Deregistration): Promise<void> {
    if (Node === "") throw new CodedError("invalid_registration", "Must provide node");
    await this.#commit(this.#removal(Node, ServiceID, CheckID));
  }

  #removal(node: string, serviceId: string, checkId: string): readonly Op[] {
    if (serviceId !== "") {
      const checks = [...this.#view.table(catalogChecks).by("instance", `${node}/${serviceId}`)];
      return [
        remove(catalogServices, GLOBAL, `${node}/${serviceId}`),
        ...checks.map((check) => remove(catalogChecks, GLOBAL, check.id)),
      ];
    }
    if (checkId !== "") return [remove(catalogChecks, GLOBAL, `${node}/${checkId}`)];
    return [
      remove(catalogNodes, GLOBAL, node),
      { op: "deletePrefix", prefix: keyOf(catalogServices.name, GLOBAL, `${node}/`) },
      { op: "deletePrefix", prefix: keyOf(catalogChecks.name, GLOBAL, `${node}/`) },
    ];
  }

  #checkRow(
    check: v.InferOutput<typeof CheckBodySchema>,
    node: string,
    service: CatalogService | undefined,
  ): CatalogCheck {
    const CheckID = check.CheckID || check.Name;
    if (CheckID === "") throw new CodedError("invalid_registration", "Must provide the check's CheckID or Name");
    const serviceId = check.ServiceID || (check.ServiceName !== "" ? (service?.ID ?? "") : "");
    const owner =
      serviceId === service?.ID
        ? service
        : this.#view.table(catalogServices).get(GLOBAL, `${node}/${serviceId}`)?.value;
    if (serviceId !== "" && owner === undefined) {
      throw new CodedError(
        "invalid_registration",
        `Missing service registration: node ${node} has no service ${JSON.stringify(serviceId)}`,
      );
    }
    return {
      ...check,
      Node: node,
      CheckID,
      ServiceID: serviceId,
      ServiceName: owner?.Service ?? "",
      ServiceTags: owner?.Tags ?? [],
    };
  }

  #put<T>(table: Table<T>, id: string, row: T): readonly Op[] {
    const stored = this.#view.table(table).get(GLOBAL, id);
    if (stored !== undefined && JSON.stringify(stored.value) === JSON.stringify(row)) return [];
    return [put(table, { namespace: GLOBAL, id }, row)];
  }

  async #commit(ops: readonly Op[]): Promise<void> {
    if (ops.length === 0) return;
    const { revision } = await this.#store.txn({ then: ops });
    await this.#view.reached(revision);
  }
}

function nodeRow(registration: Registration, datacenter: string): CatalogNode {
  const { ID, Node, Address, TaggedAddresses, NodeMeta } = registration;
  return { ID, Node, Address, Datacenter: datacenter, TaggedAddresses, Meta: NodeMeta };
}

function serviceRow({ Node, Service: service }: Registration): CatalogService | undefined {
  if (service === null) return undefined;
  const row = serviceRowOf(Node, service);
  if (row === undefined) throw new CodedError("invalid_registration", "Must provide service name (Service.Service)");
  return row;
}

/** Undefined when it has no name. The id is the name where there is none. */
export function serviceRowOf(
  node: string,
  service: v.InferOutput<typeof ServiceBodySchema>,
): CatalogService | undefined {
  const name = service.Service || service.ID;
  if (name === "") return undefined;
  const { Kind, Tags, Address, TaggedAddresses, Meta, Port, Weights, EnableTagOverride } = service;
  const ID = service.ID || name;
  return {
    Node: node,
    ID,
    Kind,
    Service: name,
    Tags,
    Address,
    TaggedAddresses,
    Meta,
    Port,
    Weights,
    EnableTagOverride,
  };
}
