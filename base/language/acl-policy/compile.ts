import { matchGlob } from "../glob.ts";
import type { PolicyRules } from "./policy.ts";
import { DENY, expand, type ResourceName } from "./vocabulary.ts";

/** What several policies together grant. Whatever no rule grants is denied. */
export interface Grants {
  allows(resource: string, capability: string, name: string): boolean;
  /** For at least one name. */
  allowsSome(resource: string, capability: string): boolean;
}

/** The capability of a namespace that any other one brings along. */
export const ANY = "any";

/**
 * Rules of the same name are joined, and one `deny` among them denies all. Of the rules whose name fits, one counts: the
 * exact one, or the pattern that leaves the fewest characters to its stars.
 */
export function compilePolicies(policies: readonly PolicyRules[]): Grants {
  const rules = new Map<string, Rules>();
  const variables = new VariableRules();
  const of = (resource: ResourceName): Rules => {
    const known = rules.get(resource) ?? new Rules();
    rules.set(resource, known);
    return known;
  };
  for (const policy of policies) fill(policy, of, variables);
  const rulesOf = (resource: string): Finder | undefined =>
    resource === "variables" ? variables : rules.get(resource);
  return {
    allows: (resource, capability, name) => rulesOf(resource)?.find(name)?.has(capability) === true,
    allowsSome: (resource, capability) => rulesOf(resource)?.some(capability) === true,
  };
}

interface Finder {
  find(name: string): ReadonlySet<string> | undefined;
  some(capability: string): boolean;
}

function fill(policy: PolicyRules, of: (resource: ResourceName) => Rules, variables: VariableRules): void {
  for (const rule of policy.Namespaces) {
    const capabilities = expand("namespace", rule.Policy, rule.Capabilities);
    const isSome = capabilities.size > 0 && !capabilities.has(DENY);
    of("namespace").add(rule.Name, isSome ? new Set([...capabilities, ANY]) : capabilities);
    for (const path of rule.Variables?.Paths ?? []) {
      variables.add(rule.Name, path.PathSpec, expand("variables", "", path.Capabilities));
    }
  }
  const patterns = { "node-pool": policy.NodePools, "host-volume": policy.HostVolumes } as const;
  for (const resource of ["node-pool", "host-volume"] as const) {
    for (const rule of patterns[resource]) {
      of(resource).add(rule.Name, expand(resource, rule.Policy, rule.Capabilities));
    }
  }
  for (const { Resource, Name, Policy, Prefix } of policy.Names) {
    // A star in one of these is a star.
    if (Prefix) of(Resource).addPrefix(Name, expand(Resource, Policy, []));
    else of(Resource).addExact(Name, expand(Resource, Policy, []));
  }
  const single = {
    node: policy.Node,
    quota: policy.Quota,
    plugin: policy.Plugin,
  };
  for (const resource of ["node", "quota", "plugin"] as const) {
    const rule = single[resource];
    if (rule !== null) of(resource).addExact("", expand(resource, rule.Policy, []));
  }
  // Rules that name an agent go before the one for all.
  if (policy.Agent !== null) of("agent").addPrefix("", expand("agent", policy.Agent.Policy, []));
  // Nomad has one word for both, Consul one each.
  if (policy.Operator !== null) {
    const { Policy, Capabilities } = policy.Operator;
    of("operator").addExact("", expand("operator", Policy, Capabilities));
    of("keyring").addExact("", expand("keyring", Policy, []));
  }
  const words = { acl: policy.Acl, keyring: policy.Keyring, mesh: policy.Mesh, peering: policy.Peering } as const;
  for (const resource of ["acl", "keyring", "mesh", "peering"] as const) {
    if (words[resource] !== "") of(resource).addExact("", expand(resource, words[resource], []));
  }
}

/** Paths within namespaces: a star in one never reaches into the other. */
class VariableRules implements Finder {
  readonly #rules = new Map<
    string,
    { readonly namespace: string; readonly path: string; readonly capabilities: Set<string> }
  >();

  add(namespace: string, path: string, capabilities: ReadonlySet<string>): void {
    const key = JSON.stringify([namespace, path]);
    const known = this.#rules.get(key)?.capabilities ?? new Set();
    this.#rules.set(key, { namespace, path, capabilities: join(known, capabilities) });
  }

  find(name: string): ReadonlySet<string> | undefined {
    const slash = name.indexOf("/");
    const [namespace, path] = [name.slice(0, slash), name.slice(slash + 1)];
    let closest: ReadonlySet<string> | undefined;
    let least = Infinity;
    for (const rule of this.#rules.values()) {
      if (!matchGlob(rule.namespace, namespace) || !matchGlob(rule.path, path)) continue;
      const away = distance(rule.namespace, namespace) + distance(rule.path, path);
      if (away > least) continue;
      // Of two that are as close, the one that denies counts.
      if (away < least || rule.capabilities.has(DENY)) closest = rule.capabilities;
      least = away;
    }
    return closest;
  }

  some(capability: string): boolean {
    for (const { capabilities } of this.#rules.values()) if (capabilities.has(capability)) return true;
    return false;
  }
}

/** One resource's rules, by what names they are for. */
class Rules implements Finder {
  readonly #exact = new Map<string, Set<string>>();
  readonly #globs = new Map<string, Set<string>>();
  readonly #prefixes = new Map<string, Set<string>>();

  add(pattern: string, capabilities: ReadonlySet<string>): void {
    merge(pattern.includes("*") ? this.#globs : this.#exact, pattern, capabilities);
  }

  addExact(name: string, capabilities: ReadonlySet<string>): void {
    merge(this.#exact, name, capabilities);
  }

  addPrefix(prefix: string, capabilities: ReadonlySet<string>): void {
    merge(this.#prefixes, prefix, capabilities);
  }

  find(name: string): ReadonlySet<string> | undefined {
    return this.#exact.get(name) ?? this.#closestGlob(name) ?? this.#longestPrefix(name);
  }

  some(capability: string): boolean {
    for (const rules of [this.#exact, this.#globs, this.#prefixes]) {
      for (const capabilities of rules.values()) if (capabilities.has(capability)) return true;
    }
    return false;
  }

  #closestGlob(name: string): ReadonlySet<string> | undefined {
    let closest: { readonly pattern: string; readonly capabilities: ReadonlySet<string> } | undefined;
    for (const [pattern, capabilities] of this.#globs) {
      if (!matchGlob(pattern, name)) continue;
      const better = closest === undefined ? -1 : distance(pattern, name) - distance(closest.pattern, name);
      // Two that are as close: which one counts must not depend on the order of policies.
      if (better < 0 || (better === 0 && closest !== undefined && pattern > closest.pattern)) {
        closest = { pattern, capabilities };
      }
    }
    return closest?.capabilities;
  }

  #longestPrefix(name: string): ReadonlySet<string> | undefined {
    let longest: string | undefined;
    for (const prefix of this.#prefixes.keys()) {
      if (name.startsWith(prefix) && prefix.length >= (longest?.length ?? 0)) longest = prefix;
    }
    return longest === undefined ? undefined : this.#prefixes.get(longest);
  }
}

function merge(rules: Map<string, Set<string>>, pattern: string, capabilities: ReadonlySet<string>): void {
  rules.set(pattern, join(rules.get(pattern) ?? new Set(), capabilities));
}

function join(known: ReadonlySet<string>, more: ReadonlySet<string>): Set<string> {
  const all = new Set([...known, ...more]);
  return all.has(DENY) ? new Set([DENY]) : all;
}

/** Characters of a name that a pattern leaves to its stars: fewer is closer, and none without stars. */
function distance(pattern: string, name: string): number {
  return name.length - pattern.replaceAll("*", "").length;
}
