/** `Node.Meta["rack"]`: the way to a value. */
export type Selector = readonly string[];

export type Comparison = "==" | "!=" | "in" | "not in" | "is empty" | "is not empty" | "matches" | "not matches";

/** A filter expression (https://developer.hashicorp.com/nomad/api-docs#filtering), `contains` turned into `in`. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly left: Filter; readonly right: Filter }
  | { readonly kind: "not"; readonly inner: Filter }
  | { readonly kind: "compare"; readonly selector: Selector; readonly operator: Comparison; readonly value: string }
  | {
      readonly kind: "any" | "all";
      readonly selector: Selector;
      /** One name: a list's element or an object's key. Two: index or key, then the element. */
      readonly names: readonly [string] | readonly [string, string];
      readonly inner: Filter;
    };
