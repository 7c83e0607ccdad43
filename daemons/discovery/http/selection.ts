import { HttpError } from "#base/http/http-error.ts";
import type { CatalogNode } from "#base/protocol/catalog.ts";
import type { Instance } from "../catalog/instances.ts";
import type { ConsulDeps } from "./consul-deps.ts";

type Query = ReadonlyMap<string, readonly string[]>;
type Placed = Pick<ConsulDeps, "config" | "coordinates">;

/** `?tag=` (all of them), `?node-meta=key:value` (all of them), `?near=`. */
export function selectInstances(deps: Placed, instances: readonly Instance[], query: Query): readonly Instance[] {
  const tags = (query.get("tag") ?? []).filter((tag) => tag !== "").map((tag) => tag.toLowerCase());
  const hasMeta = nodeMetaFilter(query);
  const chosen = instances.filter(({ node, service }) => {
    const own = service.value.Tags.map((tag) => tag.toLowerCase());
    return tags.every((tag) => own.includes(tag)) && hasMeta(node.value);
  });
  return nearFirst(deps, chosen, { query, nodeOf: (instance) => instance.node.value.Node });
}

export function nodeMetaFilter(query: Query): (node: Pick<CatalogNode, "Meta">) => boolean {
  const wanted = (query.get("node-meta") ?? []).map((pair) => {
    const colon = pair.indexOf(":");
    return colon < 0 ? { key: pair, value: "" } : { key: pair.slice(0, colon), value: pair.slice(colon + 1) };
  });
  return ({ Meta }) => wanted.every(({ key, value }) => Meta[key] === value);
}

/** By round trip from the node that `?near=` names (`_agent`: this one). */
export function nearFirst<T>(
  { config, coordinates }: Placed,
  items: readonly T[],
  { query, nodeOf }: { readonly query: Query; readonly nodeOf: (item: T) => string },
): readonly T[] {
  const near = nearOf(query.get("near")?.[0] ?? "", config.nodeName);
  return near === "" ? items : coordinates.nearest(items, near, nodeOf);
}

/** A node's name; where the asker is meant it is this node: requests from elsewhere have no known place. */
export function nearOf(near: string, ownNode: string): string {
  return near === "_agent" || near === "_ip" ? ownNode : near;
}

/** `?passing` without a value, or with one that says true. */
export function isPassingOnly(query: Query): boolean {
  const value = query.get("passing")?.[0];
  if (value === undefined || value === "false" || value === "0") return false;
  if (value === "" || value === "true" || value === "1") return true;
  throw new HttpError(400, "Invalid value for ?passing");
}
