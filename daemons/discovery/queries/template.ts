import { fail, succeed, type Result } from "#base/env/errors.ts";
import { compilePattern } from "#base/language/pattern.ts";
import type { PreparedQuery, QueryService } from "#base/protocol/prepared-query.ts";

/** Longest text a template makes of one of its own. */
const MAX_FILLED = 4096;
const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;
const MATCH = /^match\(\s*(\d{1,2})\s*\)$/;

/** What `${…}` may stand for (https://developer.hashicorp.com/consul/api-docs/query#prepared-query-templates). */
interface Values {
  readonly full: string;
  readonly prefix: string;
  readonly groups: readonly string[];
}

/** Fails when the regular expression or a reference cannot be read. */
export function checkTemplate(query: PreparedQuery): Result<void> {
  if (query.Template.Type === "") return succeed(undefined);
  if (query.Template.Type !== "name_prefix_match") {
    const message = `Template.Type is ${JSON.stringify(query.Template.Type)}`;
    return fail("invalid_query", `${message}, expected name_prefix_match`);
  }
  if (query.Template.Regexp !== "") {
    const pattern = compilePattern(query.Template.Regexp);
    if (!pattern.ok) return fail("invalid_query", `Template.Regexp: ${pattern.error.message}`);
  }
  for (const text of textsOf(query.Service)) {
    for (const [whole, reference] of text.matchAll(REFERENCE)) {
      if (reference === undefined || isKnown(reference.trim())) continue;
      return fail(
        "invalid_query",
        `cannot fill in ${JSON.stringify(whole)}`,
        "a template knows ${name.full}, ${name.prefix}, ${name.suffix}, ${match(N)} and ${agent.segment}",
      );
    }
  }
  return succeed(undefined);
}

/** The query that a template becomes for a name it fits. */
export function fillTemplate(query: PreparedQuery, name: string): PreparedQuery {
  const values: Values = { full: name, prefix: query.Name, groups: groupsOf(query.Template.Regexp, name) };
  const fill = (text: string): string =>
    text
      .replaceAll(REFERENCE, (_whole, reference?: string) =>
        reference === undefined ? "${" : valueOf(reference.trim(), values),
      )
      .slice(0, MAX_FILLED);
  const fillMap = (map: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [fill(key), fill(value)]));
  const { Service } = query;
  const tags = Service.Tags.map(fill);
  return {
    ...query,
    Service: {
      ...Service,
      Service: fill(Service.Service),
      Near: fill(Service.Near),
      Tags: query.Template.RemoveEmptyTags ? tags.filter((tag) => tag !== "" && tag !== "!") : tags,
      NodeMeta: fillMap(Service.NodeMeta),
      ServiceMeta: fillMap(Service.ServiceMeta),
      IgnoreCheckIDs: Service.IgnoreCheckIDs.map(fill),
      Failover: { ...Service.Failover, Datacenters: Service.Failover.Datacenters.map(fill) },
    },
  };
}

function textsOf(service: QueryService): readonly string[] {
  const maps = [service.NodeMeta, service.ServiceMeta].flatMap((map) => Object.entries(map).flat());
  return [
    service.Service,
    service.Near,
    ...service.Tags,
    ...service.IgnoreCheckIDs,
    ...service.Failover.Datacenters,
    ...maps,
  ];
}

function isKnown(reference: string): boolean {
  return ["name.full", "name.prefix", "name.suffix", "agent.segment"].includes(reference) || MATCH.test(reference);
}

function valueOf(reference: string, { full, prefix, groups }: Values): string {
  if (reference === "name.full") return full;
  if (reference === "name.prefix") return prefix;
  if (reference === "name.suffix") return full.slice(prefix.length);
  const group = MATCH.exec(reference)?.[1];
  return group === undefined ? "" : (groups[Number(group)] ?? "");
}

/** What the expression found, the whole first; empty where it fits nothing. */
function groupsOf(regexp: string, name: string): readonly string[] {
  const pattern = regexp === "" ? undefined : compilePattern(regexp);
  if (pattern?.ok !== true) return [];
  const matcher = pattern.value.matcher(name);
  if (!matcher.find()) return [];
  return Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? "");
}
