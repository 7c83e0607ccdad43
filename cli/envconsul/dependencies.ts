import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { dependencyKey } from "#base/client/templates/dependencies/dependency.ts";
import { parseCatalogService, parsePrefix, parseSecret } from "#base/client/templates/dependencies/parse-dependency.ts";
import type { Pass } from "#base/client/templates/engine/template-unit.ts";
import type { Log } from "#base/env/log.ts";
import { CodedError, type Result } from "#base/env/errors.ts";
import { GoObject, type GoKey, type GoValue } from "#base/language/go-template/value.ts";
import { prefixVariables, secretVariables, serviceVariables, type Item, type Naming } from "./environment.ts";
import type { EnvconsulConfig } from "./schema.ts";

/** A prefix, secret or service, and the variables it becomes. */
interface Asked {
  readonly key: string;
  readonly dependency: Dependency;
  readonly variables: (answer: GoValue) => readonly (readonly [string, string])[];
}

/** What the configuration asks for, in the order in which later ones win: keys, services, secrets. Throws when a query cannot be read. */
export function askedFor(config: EnvconsulConfig, log: Log): readonly Asked[] {
  const naming: Naming = { sanitize: config.sanitize, upcase: config.upcase };
  const noPrefix = config.noPrefix ?? undefined;
  const prefixes = config.prefixes.map((prefix) =>
    asked(parsePrefix(prefix.path), (answer) =>
      prefixVariables({ ...prefix, noPrefix: noPrefix ?? prefix.noPrefix }, pairs(answer), naming),
    ),
  );
  const services = config.services.map((service) =>
    asked(parseCatalogService(service.query), (answer) =>
      serviceVariables(service, listOf(answer).map(serviceItem), naming),
    ),
  );
  const secrets = config.secrets.map((secret) =>
    asked(parseSecret(secret.path), (answer) =>
      secretVariables(
        { ...secret, noPrefix: noPrefix ?? secret.noPrefix },
        secretItems(answer, { path: secret.path, log }),
        naming,
      ),
    ),
  );
  return [...prefixes, ...services, ...secrets];
}

/** One rendering: the variables as JSON, sorted by name. */
export function renderVariables(
  all: readonly Asked[],
  known: (key: string) => { readonly value: GoValue } | undefined,
): Pass<Dependency> {
  const variables = new Map<string, string>();
  const pending: string[] = [];
  for (const { key, variables: variablesOf } of all) {
    const answer = known(key);
    if (answer === undefined) pending.push(key);
    else for (const [name, value] of variablesOf(answer.value)) variables.set(name, value);
  }
  const sorted = [...variables].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { text: JSON.stringify(sorted), asked: new Map(all.map(({ key, dependency }) => [key, dependency])), pending };
}

function asked(parsed: Result<Dependency>, variables: Asked["variables"]): Asked {
  if (!parsed.ok) throw new CodedError("envconsul_query", parsed.error.message, parsed.error.hint);
  return { key: dependencyKey(parsed.value), dependency: parsed.value, variables };
}

function listOf(value: GoValue): readonly GoValue[] {
  return isList(value) ? value : [];
}

function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}

function isMap(value: GoValue | undefined): value is ReadonlyMap<GoKey, GoValue> {
  return value instanceof Map;
}

function fieldText(value: GoValue, name: string): string {
  const field = value instanceof GoObject ? value.field(name) : undefined;
  return typeof field === "string" || typeof field === "bigint" ? String(field) : "";
}

function pairs(answer: GoValue): readonly Item[] {
  return listOf(answer).map((pair) => ({ key: fieldText(pair, "Key"), value: fieldText(pair, "Value") }));
}

function serviceItem(service: GoValue) {
  const tags = service instanceof GoObject ? listOf(service.field("ServiceTags") ?? null) : [];
  const address = fieldText(service, "ServiceAddress");
  return {
    id: fieldText(service, "ServiceID"),
    name: fieldText(service, "ServiceName"),
    address: address === "" ? fieldText(service, "Address") : address,
    tag: tags.filter((tag) => typeof tag === "string").join(","),
    port: fieldText(service, "ServicePort"),
  };
}

/** The versioned engine keeps the keys one level deeper. What is no text cannot be a variable. */
function secretItems(answer: GoValue, { path, log }: { readonly path: string; readonly log: Log }): readonly Item[] {
  const outer = answer instanceof GoObject ? answer.field("Data") : undefined;
  if (!isMap(outer)) return [];
  const metadata = outer.get("metadata");
  const inner = isMap(metadata) && metadata.has("version") ? outer.get("data") : outer;
  const items: Item[] = [];
  for (const [key, value] of isMap(inner) ? inner : []) {
    if (typeof value === "string") items.push({ key: String(key), value });
    else if (value !== null)
      log.warn("a key of a secret is no text and was left out", { secret: path, key: String(key) });
  }
  return items;
}
