import * as v from "valibot";
import { queryFlag, queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { readRegexRule, regexMatches } from "../filter/regex-rule.ts";
import type { RuleSettings } from "../settings/settings.ts";
import { badRequest } from "./api-error.ts";
import type { ApiDeps } from "./api-deps.ts";
import { ruleView } from "./domain-routes.ts";
import { listView } from "./list-routes.ts";

const MOST = 10_000;
const TYPE_A = 1;
const SearchQuery = v.object({
  partial: v.optional(queryFlag, "false"),
  N: queryInteger,
  debug: v.optional(queryFlag, "false"),
});

/** Which rules and lists hold a name. Names of lists are looked up as they block: whole, and from every dot on. */
export function searchRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/search/:domain",
      summary: "Which rules and lists hold a name",
      access: { kind: "any-token" },
      query: SearchQuery,
      handle: ({ params, query: { partial, N = 20 } }) => {
        if (N < 1 || N > MOST) throw badRequest(`N=${N}: from 1 to ${MOST} can be shown`);
        return { kind: "json", value: { search: search(deps, params.domain.toLowerCase(), { partial, limit: N }) } };
      },
    }),
  ];
}

function search(deps: ApiDeps, name: string, how: { readonly partial: boolean; readonly limit: number }) {
  const { rules, lists } = deps.settings.current;
  const exact = rules.filter(
    ({ match, text }) => match === "exact" && (text === name || (how.partial && text.includes(name))),
  );
  const regex = rules.filter((rule) => rule.match === "regex" && isMatch(rule, name));
  const domains = [...exact, ...regex];
  const reports = new Map(deps.dns.lists.report().map((report) => [report.id, report]));
  const gravity = deps.dns.listsWith(name).flatMap(({ listId, pattern, isException }) => {
    const list = lists.find(({ id }) => id === listId);
    if (list === undefined) return [];
    const { kind } = list;
    const type = isException ? (kind === "block" ? "allow" : "block") : kind;
    return [{ domain: pattern, ...listView(list, reports.get(listId)), type }];
  });
  const count = (all: readonly { readonly type: string }[], type: string): number =>
    all.filter((one) => one.type === type).length;
  return {
    domains: domains.slice(0, how.limit).map(ruleView),
    gravity: gravity.slice(0, how.limit),
    parameters: { partial: how.partial, N: how.limit, domain: name, debug: false },
    results: {
      domains: { exact: exact.length, regex: regex.length },
      gravity: { allow: count(gravity, "allow"), block: count(gravity, "block") },
      total: domains.length + gravity.length,
    },
  };
}

function isMatch(rule: RuleSettings, name: string): boolean {
  const read = readRegexRule(rule.text);
  return read.ok && regexMatches(read.value, name, TYPE_A);
}
