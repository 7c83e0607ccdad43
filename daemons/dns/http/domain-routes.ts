import { domainToASCII, domainToUnicode } from "node:url";
import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { readRegexRule } from "../filter/regex-rule.ts";
import type { RuleSettings } from "../settings/settings.ts";
import { badRequest, notFound } from "./api-error.ts";
import type { ApiDeps } from "./api-deps.ts";
import { batchDelete, changeItems, place, removeItems, withoutSome } from "./item-changes.ts";
import { common, commonOf, OneOrMany, type Common } from "./item-schemas.ts";
import { createdReply, several, type Processed } from "./processed.ts";

type Kind = RuleSettings["kind"];
type Match = RuleSettings["match"];
interface Which {
  readonly kind: Kind;
  readonly match: Match;
  readonly text: string;
}

const AddSchema = v.object({ ...common, domain: OneOrMany });
const ChangeSchema = v.object({ ...common, type: v.optional(v.string()), kind: v.optional(v.string()) });
const ACCESS = { kind: "any-token" } as const;

/** Exact and regular-expression rules that allow and deny. At Pi-hole our `kind` is the type, our `match` the kind. */
export function domainRoutes(deps: ApiDeps): Route[] {
  const get = (path: string): Route =>
    route({
      method: "GET",
      path,
      summary: "Rules",
      access: ACCESS,
      handle: ({ params }) => {
        const found = deps.settings.current.rules.filter(filterOf(params));
        if (params["domain"] !== undefined && found.length === 0)
          throw notFound(`there is no rule ${params["domain"]}`);
        return { kind: "json", value: { domains: found.map(ruleView) } };
      },
    });
  return [
    get("/api/domains"),
    get("/api/domains/:type"),
    get("/api/domains/:type/:kind"),
    get("/api/domains/:type/:kind/:domain"),
    ...writeRoutes(deps),
  ];
}

function writeRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "POST",
      path: "/api/domains/:type/:kind",
      summary: "Add rules",
      access: ACCESS,
      body: jsonBody(AddSchema),
      handle: async ({ body, params }) => {
        const place = { kind: kindOf(params.type), match: matchOf(params.kind) };
        const processed = await put(deps, {
          which: several(body.domain).map((text) => ({ ...place, text })),
          given: body,
        });
        const added = new Set(processed.success.map(({ item }) => normal(item, place.match)));
        const rules = deps.settings.current.rules.filter((rule) => isIn(rule, place) && added.has(rule.text));
        return createdReply("domains", rules.map(ruleView), processed);
      },
    }),
    route({
      method: "PUT",
      path: "/api/domains/:type/:kind/:domain",
      summary: "Change a rule, or add it",
      access: ACCESS,
      body: jsonBody(ChangeSchema, { whenEmpty: {} }),
      handle: async ({ body, params }) => {
        const which = { kind: kindOf(params.type), match: matchOf(params.kind), text: params.domain };
        const moved = { kind: kindOf(body.type ?? params.type), match: matchOf(body.kind ?? params.kind) };
        const processed = await put(deps, { which: [which], given: body, moved, replace: true });
        const text = normal(params.domain, moved.match);
        const rules = deps.settings.current.rules.filter((rule) => isIn(rule, moved) && rule.text === text);
        return { ...createdReply("domains", rules.map(ruleView), processed), status: 200 };
      },
    }),
    route({
      method: "DELETE",
      path: "/api/domains/:type/:kind/:domain",
      summary: "Remove a rule",
      access: ACCESS,
      handle: ({ params: { type, kind, domain } }) =>
        remove(deps, [{ kind: kindOf(type), match: matchOf(kind), text: domain }]),
    }),
    batchDelete("/api/domains", "Remove several rules", (items) =>
      remove(
        deps,
        items.map(({ item, type = "", kind = "" }) => ({ kind: kindOf(type), match: matchOf(kind), text: item })),
      ),
    ),
  ];
}

interface Put {
  readonly which: readonly Which[];
  readonly given: Common;
  readonly moved?: { readonly kind: Kind; readonly match: Match };
  /** Otherwise one that is there already is an error. */
  readonly replace?: boolean;
}

function put(deps: ApiDeps, { which, given, moved, replace = false }: Put): Promise<Processed> {
  return changeItems(deps, (settings, { done, ids, nowS }) => {
    const rules = [...settings.rules];
    const known = new Map(rules.map((rule, at) => [keyOf(rule), at]));
    for (const { kind, match, text } of which)
      done.run(text, () => {
        const target = moved ?? { kind, match };
        const name = checked(text, target.match);
        const at = known.get(keyOf({ kind, match, text: normal(text, match) })) ?? -1;
        const before = rules[at];
        if (before !== undefined && !replace) throw new Error(`UNIQUE constraint failed: ${text} is there already`);
        const rule: RuleSettings = {
          id: before?.id ?? ids.next(),
          ...target,
          text: name,
          ...commonOf(given, before),
          addedAt: before?.addedAt ?? nowS,
          changedAt: nowS,
        };
        if (at < 0) known.set(keyOf(rule), rules.length);
        place(rules, at, rule);
      });
    return { rules };
  });
}

function remove(deps: ApiDeps, which: readonly Which[]): Promise<Reply> {
  const keys = new Set(which.map(({ kind, match, text }) => keyOf({ kind, match, text: normal(text, match) })));
  return removeItems(deps, "rule", (settings) => {
    const rules = withoutSome(settings.rules, (rule) => keys.has(keyOf(rule)));
    return rules && { rules };
  });
}

/** A rule's text as it is kept. Throws what is wrong with it. */
export function checked(text: string, match: Match): string {
  const name = normal(text, match);
  if (match === "regex") {
    const read = readRegexRule(name);
    if (!read.ok) throw new Error(read.error.message);
  } else if (!/^(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z0-9_](?:[a-z0-9_-]{0,62})$/.test(name) || name.length > 253)
    throw new Error(`${JSON.stringify(text)} is no name of a domain`);
  return name;
}

function normal(text: string, match: Match): string {
  const trimmed = text.trim();
  if (match === "regex") return trimmed;
  const name = trimmed.toLowerCase().replace(/\.$/, "");
  // oxlint-disable-next-line no-control-regex -- what is not ASCII is written in Punycode
  return /^[\u0000-\u007f]*$/.test(name) ? name : domainToASCII(name);
}

function keyOf({ kind, match, text }: Which): string {
  return `${kind} ${match} ${text}`;
}

function isIn(rule: RuleSettings, place: { readonly kind: Kind; readonly match: Match }): boolean {
  return rule.kind === place.kind && rule.match === place.match;
}

/** `/domains/TYPE`, `/domains/KIND` and `/domains/NAME` are all possible where there is one part alone. */
function filterOf(params: Readonly<Record<string, string>>): (rule: RuleSettings) => boolean {
  const { type, kind, domain } = params;
  if (type === undefined) return () => true;
  if (kind === undefined && (type === "exact" || type === "regex")) return ({ match }) => match === type;
  if (kind === undefined && type !== "allow" && type !== "deny") return ({ text }) => text === normal(type, "exact");
  const wanted = kindOf(type);
  if (kind === undefined) return (rule) => rule.kind === wanted;
  const match = matchOf(kind);
  return (rule) => isIn(rule, { kind: wanted, match }) && (domain === undefined || rule.text === normal(domain, match));
}

function kindOf(type: string): Kind {
  if (type === "allow" || type === "deny") return type;
  throw badRequest(`${JSON.stringify(type)} is no type of rule`, "allow or deny");
}

function matchOf(kind: string): Match {
  if (kind === "exact" || kind === "regex") return kind;
  throw badRequest(`${JSON.stringify(kind)} is no kind of rule`, "exact or regex");
}

export function ruleView({
  id,
  kind,
  match,
  text,
  enabled,
  groups,
  comment,
  addedAt = 0,
  changedAt = 0,
}: RuleSettings) {
  return {
    domain: text,
    unicode: match === "exact" ? domainToUnicode(text) : text,
    type: kind,
    kind: match,
    comment: comment === "" ? null : comment,
    groups,
    enabled,
    id,
    date_added: addedAt,
    date_modified: changedAt,
  };
}
