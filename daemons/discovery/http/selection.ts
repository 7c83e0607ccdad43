import { HttpError } from "#base/http/http-error.ts";
import type { CatalogNode } from "#base/protocol/catalog.ts";
import type { Instance } from "../catalog/instances.ts";

type Query = ReadonlyMap<string, readonly string[]>;

/** `?tag=` (all of them), `?node-meta=key:value` (all of them), `?near=`. */
export function selectInstances(instances: readonly Instance[], query: Query, ownNode: string): readonly Instance[] {
  const tags = (query.get("tag") ?? []).filter((tag) => tag !== "").map((tag) => tag.toLowerCase());
  const hasMeta = nodeMetaFilter(query);
  const chosen = instances.filter(({ node, service }) => {
    const own = service.value.Tags.map((tag) => tag.toLowerCase());
    return tags.every((tag) => own.includes(tag)) && hasMeta(node.value);
  });
  return nearFirst(chosen, { query, ownNode, nodeOf: (instance) => instance.node.value.Node });
}

export function nodeMetaFilter(query: Query): (node: Pick<CatalogNode, "Meta">) => boolean {
  const wanted = (query.get("node-meta") ?? []).map((pair) => {
    const colon = pair.indexOf(":");
    return colon < 0 ? { key: pair, value: "" } : { key: pair.slice(0, colon), value: pair.slice(colon + 1) };
  });
  return ({ Meta }) => wanted.every(({ key, value }) => Meta[key] === value);
}

/** Those on the node `?near=` names come first (`_agent`: this one); without measured distances all others are equal. */
export function nearFirst<T>(
  items: readonly T[],
  options: { readonly query: Query; readonly ownNode: string; readonly nodeOf: (item: T) => string },
): readonly T[] {
  const near = options.query.get("near")?.[0] ?? "";
  if (near === "") return items;
  const node = near === "_agent" || near === "_ip" ? options.ownNode : near;
  const rank = (item: T): number => (options.nodeOf(item) === node ? 0 : 1);
  return items.toSorted((a, b) => rank(a) - rank(b));
}

/** `?passing` without a value, or with one that says true. */
export function isPassingOnly(query: Query): boolean {
  const value = query.get("passing")?.[0];
  if (value === undefined || value === "false" || value === "0") return false;
  if (value === "" || value === "true" || value === "1") return true;
  throw new HttpError(400, "Invalid value for ?passing");
}
