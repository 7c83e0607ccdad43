import type { Result } from "#base/env/errors.ts";
import { HttpError } from "./http-error.ts";

/** What a rule's target is when the handler itself, or each item of the list, decides. */
export const SOME = Symbol("some");

/** Whom a route lets in. `public` needs no token at all, `any-token` any that is known; see {@link isAllowed}. */
export type AccessRule =
  | { readonly kind: "public" }
  | { readonly kind: "any-token" }
  /** Whoever has no unknown token: the handler gives everybody what they may have, or refuses. */
  | { readonly kind: "filtered" }
  | CapabilityRule;

export interface CapabilityRule {
  readonly kind: "capability";
  readonly resource: string;
  readonly capability: string;
  /** Another capability that is enough, too. */
  readonly or?: string;
  /**
   * Which one of the resource is asked for; `SOME`: the handler demands, or the items of the list are filtered.
   * Default: of namespaces the one in the query, otherwise the only one.
   */
  readonly of?: (request: Targeted) => string | typeof SOME;
  /** What each item of the list that is answered takes to be seen. */
  readonly each?: EachRule;
}

export interface EachRule {
  readonly resource: string;
  readonly capability: string;
  /** `key`: of an entry where the answer is an object, empty in a list. */
  readonly nameOf: (item: unknown, key: string) => string;
}

/** What of a request says which one it is about. */
export interface Targeted {
  readonly params: Readonly<Record<string, string>>;
  /** All values of each query parameter, in order, unparsed. */
  readonly rawQuery: ReadonlyMap<string, readonly string[]>;
}

/** Whose request it is, for logs: never a secret. */
export interface Requester {
  /** Empty: nobody said who they are. */
  readonly accessorId: string;
  readonly name: string;
  readonly global: boolean;
  /** RFC 3339; empty where it does not apply. */
  readonly createTime: string;
}

/** What the holder of a token may do. */
export interface Access {
  readonly requester: Requester;
  /** May do everything. */
  readonly isManagement: boolean;
  /** Came with no token. */
  readonly isAnonymous: boolean;
  /**
   * `name` says which one, where a resource has many: a namespace, a node pool, a key; of variables
   * `<namespace>/<path>`. Empty for resources there is one of.
   */
  allows(resource: string, capability: string, name: string): boolean;
  /** Whether it is allowed for at least one name. */
  allowsSome(resource: string, capability: string): boolean;
  /** Of one token, the same object for as long as its rights are the same. Absent: nobody knows. */
  readonly rights?: object;
}

/** Says what a token may do; fails when there is no such token. Asked before query and body are parsed. */
export type AccessPolicy = (token: string) => Result<Access> | Promise<Result<Access>>;

export const nobody: Requester = { accessorId: "", name: "", global: false, createTime: "" };

/** Everything, for everybody. */
export const fullAccess: Access = {
  requester: nobody,
  isManagement: true,
  isAnonymous: false,
  allows: () => true,
  allowsSome: () => true,
  rights: {},
};

/** Nothing. */
export const noAccess: Access = {
  requester: nobody,
  isManagement: false,
  isAnonymous: true,
  allows: () => false,
  allowsSome: () => false,
};

/** No access control: for listeners that only the machine's own users reach. */
export const openAccess: AccessPolicy = () => ({ ok: true, value: fullAccess });

export const PERMISSION_DENIED = "Permission denied";

/** Whether a rule lets a request in. */
export function isAllowed(rule: AccessRule, access: Access, request: Targeted): boolean {
  switch (rule.kind) {
    case "public":
    case "filtered":
      return true;
    case "any-token":
      return !access.isAnonymous;
    case "capability": {
      if (access.isManagement) return true;
      const name = rule.of === undefined ? usualTarget(rule, request) : rule.of(request);
      return [rule.capability, ...(rule.or === undefined ? [] : [rule.or])].some((capability) =>
        name === SOME ? access.allowsSome(rule.resource, capability) : access.allows(rule.resource, capability, name),
      );
    }
    default:
      return rule satisfies never;
  }
}

/** The items of a list, or entries of an object, that its reader may see. */
export function visibleItems(value: unknown, { resource, capability, nameOf }: EachRule, access: Access): unknown {
  if (access.isManagement || typeof value !== "object" || value === null) return value;
  const isVisible = (item: unknown, key: string): boolean => access.allows(resource, capability, nameOf(item, key));
  if (Array.isArray(value)) return value.filter((item: unknown) => isVisible(item, ""));
  return Object.fromEntries(Object.entries(value).filter(([key, item]) => isVisible(item, key)));
}

/** For what only the body or the state tells. Throws the 403 that users know. */
export function demand(
  access: Access,
  what: { readonly resource: string; readonly capability: string; readonly name: string },
): void {
  if (!access.isManagement && !access.allows(what.resource, what.capability, what.name)) {
    throw new HttpError(403, PERMISSION_DENIED);
  }
}

/** Namespaced things are in the namespace that the query names. */
function usualTarget(rule: CapabilityRule, { rawQuery }: Targeted): string | typeof SOME {
  if (rule.resource !== "namespace") return "";
  const given = rawQuery.get("namespace")?.[0] ?? "";
  if (given === "*" && rule.each !== undefined) return SOME;
  return given === "" ? "default" : given;
}
