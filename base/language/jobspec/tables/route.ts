import { toText } from "#base/language/hcl/evaluate/convert.ts";
import { fault } from "#base/language/hcl/evaluate/scope.ts";
import { isList, isMap, typeName, type Value } from "#base/language/hcl/evaluate/value.ts";
import { decodeFree } from "#base/language/hcl/decode/free.ts";
import { append } from "#base/language/hcl/decode/decode.ts";
import type { CustomRule, Fields } from "#base/language/hcl/decode/table.ts";

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** Options whose values may hold commas: a list says them once for each. */
const REPEATED = /^(?:set-|add-|delete-|header|query$|user$|snippet$)/;
/** Where tags of routes wait until the service's own are known. */
const ROUTE_TAGS = "RouteTags";

/**
 * `route { host = "shop.example.com" }`, with a label where a service has several: what the ingress reads as tags. The block
 * becomes them when the file is read, so that the job everybody else sees, and the catalog, hold nothing but tags.
 */
export const routeBlock: CustomRule = {
  kind: "custom",
  json: { label: "", optionalLabel: true, table: () => ({ name: "route", attributes: {}, blocks: {}, isOpen: true }) },
  decode: ({ labels, typeSpan, body }, scope, into) => {
    const [label, second] = labels;
    const name = label?.value ?? "";
    if (second !== undefined || (label !== undefined && !NAME.test(name)))
      return fault(scope, label ?? typeSpan, {
        message: `a route has at most one name, of letters, digits, "_" and "-"`,
        hint: 'write: route { … }, or route "admin" { … }',
      });
    const options = decodeFree(body, scope);
    if (!isMap(options)) return;
    for (const [key, value] of Object.entries(options)) {
      const texts = textsOf(value);
      if (texts === undefined)
        fault(scope, typeSpan, {
          message: `route: ${key}: expected a string, a number, true or false, or a list of such, found ${typeName(value)}`,
        });
      const option = key.replaceAll("_", "-");
      for (const text of REPEATED.test(option) ? (texts ?? []) : joined(texts ?? []))
        append(into, ROUTE_TAGS, `lares.${name === "" ? "" : `${name}.`}${option}=${text}`);
    }
  },
};

function joined(texts: readonly string[]): readonly string[] {
  return texts.length === 0 ? [] : [texts.join(",")];
}

function textsOf(value: Value): readonly string[] | undefined {
  if (value === null) return [];
  const found = (isList(value) ? value : [value]).map((one) => toText(one));
  return found.every((one) => one !== undefined) ? found : undefined;
}

/** Puts the tags of a service's routes behind its own, and beside those of its canaries. */
export function finishRoutes(fields: Fields): Fields {
  const { [ROUTE_TAGS]: given, ...rest } = fields;
  if (!Array.isArray(given)) return rest;
  const routes: readonly unknown[] = given;
  const own = (field: string): readonly unknown[] => {
    const value = rest[field];
    return Array.isArray(value) ? value : [];
  };
  return {
    ...rest,
    Tags: [...own("Tags"), ...routes],
    // Canaries that have tags of their own have these in place of the others.
    ...(own("CanaryTags").length === 0 ? {} : { CanaryTags: [...own("CanaryTags"), ...routes] }),
  };
}
