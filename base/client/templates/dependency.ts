import * as v from "valibot";
import { integer, list, text, textMap, texts } from "#base/protocol/schema.ts";

/** Something of the cluster that a template asks for; answered by one blocking query, shared by all templates. */
export type Dependency =
  | { readonly kind: "services" }
  | { readonly kind: "service"; readonly name: string; readonly tag: string; readonly failing?: true }
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "prefix"; readonly prefix: string };

/** Service names with the tags their instances carry. */
export const ServicesSchema = v.record(v.string(), v.array(v.string()));
export type Services = v.InferOutput<typeof ServicesSchema>;

const CheckSchema = v.object({ CheckID: text, Status: text, Output: text });
export const InstanceSchema = v.object({
  Node: v.object({ Node: text, Address: text, Datacenter: text, Meta: textMap }),
  Service: v.object({
    ID: text,
    Service: text,
    Tags: texts,
    Address: text,
    Port: integer,
    Meta: textMap,
    CreateIndex: integer,
  }),
  Checks: list(CheckSchema),
});
export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly node: string;
  /** The service's own address, or its node's. */
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  /** All its checks, and its node's, pass. */
  readonly passing: boolean;
  /** Higher for those that were registered later. */
  readonly createIndex: number;
}

export const PairsSchema = v.array(v.object({ Key: text, Value: v.nullish(v.string(), "") }));
export interface Pair {
  readonly key: string;
  readonly value: string;
}

export type DependencyValue =
  | { readonly kind: "services"; readonly services: Services }
  | { readonly kind: "service"; readonly instances: readonly Instance[] }
  | { readonly kind: "pairs"; readonly pairs: readonly Pair[] };

/** Equal dependencies have equal keys. */
export function dependencyKey(dependency: Dependency): string {
  return JSON.stringify(dependency);
}

/** The blocking query that answers it (Consul's HTTP API), without index and wait. */
export function dependencyPath(dependency: Dependency): string {
  switch (dependency.kind) {
    case "services":
      return "/v1/catalog/services";
    case "service": {
      const tag = dependency.tag === "" ? "" : `&tag=${encodeURIComponent(dependency.tag)}`;
      return `/v1/health/service/${encodeURIComponent(dependency.name)}?${dependency.failing === true ? "" : "passing=1"}${tag}`;
    }
    case "key":
      return `/v1/kv/${encodePath(dependency.key)}`;
    case "prefix":
      return `/v1/kv/${encodePath(dependency.prefix)}?recurse=1`;
  }
}

/** Reads an answer's body; undefined stands for "not there" (404). Throws when it has another shape. */
export function readDependency(dependency: Dependency, body: unknown): DependencyValue {
  switch (dependency.kind) {
    case "services":
      return { kind: "services", services: v.parse(ServicesSchema, body ?? {}) };
    case "service":
      return {
        kind: "service",
        instances: v
          .parse(v.array(InstanceSchema), body ?? [])
          .map(instanceOf)
          .toSorted(byAddress),
      };
    case "key":
    case "prefix":
      return {
        kind: "pairs",
        pairs: v
          .parse(PairsSchema, body ?? [])
          .map((pair) => ({ key: pair.Key, value: Buffer.from(pair.Value, "base64").toString("utf8") })),
      };
  }
}

function instanceOf(raw: v.InferOutput<typeof InstanceSchema>): Instance {
  const { Service: service, Node: node, Checks: checks } = raw;
  return {
    id: service.ID,
    name: service.Service,
    node: node.Node,
    address: service.Address === "" ? node.Address : service.Address,
    port: service.Port,
    tags: service.Tags,
    meta: service.Meta,
    passing: checks.every(({ Status }) => Status === "passing"),
    createIndex: service.CreateIndex,
  };
}

/** A stable order, so that the same instances render the same bytes. */
function byAddress(a: Instance, b: Instance): number {
  return a.node.localeCompare(b.node) || a.id.localeCompare(b.id);
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
