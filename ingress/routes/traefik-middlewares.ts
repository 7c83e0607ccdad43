import type { Failure } from "#base/env/errors.ts";
import type { NamedOption } from "./apply-options.ts";
import { problem } from "./route.ts";

type Pairs = readonly (readonly [name: string, value: string])[];
/** From a middleware's settings (its keys below its kind) to our options; undefined: it cannot be had. */
type Translate = (settings: ReadonlyMap<string, string>) => Pairs | undefined;

const get = (settings: ReadonlyMap<string, string>, key: string, option: string): Pairs => {
  const value = settings.get(key);
  return value === undefined || value === "" ? [] : [[option, value]];
};

const HEADERS: Readonly<Record<string, string>> = {
  accesscontrolalloworiginlist: "cors-origin",
  accesscontrolallowmethods: "cors-methods",
  accesscontrolallowheaders: "cors-headers",
  accesscontrolexposeheaders: "cors-expose",
  accesscontrolallowcredentials: "cors-credentials",
  accesscontrolmaxage: "cors-max-age",
};

/** Kinds of middlewares (https://doc.traefik.io/traefik/middlewares/http/overview/), in lower case as labels are compared. */
const KINDS: Readonly<Record<string, Translate>> = {
  stripprefix: (settings) => {
    const prefixes = (settings.get("prefixes") ?? settings.get("prefixes[0]") ?? "").split(",");
    return prefixes.length === 1 ? [["strip", prefixes[0] ?? ""]] : undefined;
  },
  addprefix: (settings) => get(settings, "prefix", "prepend"),
  replacepath: (settings) => get(settings, "path", "replace-path"),
  redirectscheme: (settings) =>
    settings.get("scheme") === "https"
      ? [["to-https", settings.get("permanent") === "true" ? "301" : "302"]]
      : undefined,
  // Only what needs no parts of what was found: a whole new address.
  redirectregex: (settings) => {
    const to = settings.get("replacement") ?? "";
    return to.includes("$")
      ? undefined
      : [["redirect", `${settings.get("permanent") === "true" ? "301" : "302"},${to}`]];
  },
  basicauth: (settings) => [...get(settings, "users", "user"), ...get(settings, "usersfile", "auth")],
  ipallowlist: (settings) => get(settings, "sourcerange", "allow"),
  ipwhitelist: (settings) => get(settings, "sourcerange", "allow"),
  ratelimit: (settings) => [["rate", `${settings.get("average") ?? "0"}/${settings.get("period") ?? "1s"}`]],
  inflightreq: (settings) => get(settings, "amount", "max-connections"),
  buffering: (settings) => get(settings, "maxrequestbodybytes", "max-body"),
  compress: () => [["compress", "true"]],
  headers: (settings) =>
    [...settings].flatMap(([key, value]): Pairs => {
      const name = key.slice(key.indexOf(".") + 1);
      const side = key.startsWith("customrequestheaders.")
        ? "header"
        : key.startsWith("customresponseheaders.")
          ? "response-header"
          : undefined;
      if (side !== undefined) return value === "" ? [[`delete-${side}`, name]] : [[`set-${side}`, `${name}: ${value}`]];
      const cors = Object.hasOwn(HEADERS, key) ? HEADERS[key] : undefined;
      return cors === undefined ? [] : [[cors, value]];
    }),
};

export type MiddlewareReading =
  | { readonly ok: true; readonly options: readonly NamedOption[] }
  | { readonly ok: false; readonly problem: Failure };

const MAX_CHAIN = 8;

/** The options that the middleware of this name stands for. One that is not known fails: what it was to guard must not stand open. */
export function middlewareOptions(labels: ReadonlyMap<string, string>, name: string, depth = 0): MiddlewareReading {
  const prefix = `http.middlewares.${name}.`;
  const kinds = new Map<string, Map<string, string>>();
  for (const [key, value] of labels) {
    if (!key.startsWith(prefix)) continue;
    const [kind = "", ...rest] = key.slice(prefix.length).split(".");
    const settings = kinds.get(kind) ?? new Map<string, string>();
    settings.set(rest.join("."), value);
    kinds.set(kind, settings);
  }
  const source = `traefik.http.middlewares.${name}`;
  if (kinds.size === 0 || depth > MAX_CHAIN)
    return {
      ok: false,
      problem: problem(
        source,
        depth > MAX_CHAIN ? "is a chain without end" : "is named by a router and not there",
        "define it in the tags of the same service",
      ),
    };
  const options: NamedOption[] = [];
  for (const [kind, settings] of kinds) {
    if (kind === "chain") {
      for (const one of (settings.get("middlewares") ?? "").split(",")) {
        const found = middlewareOptions(labels, one.trim().toLowerCase(), depth + 1);
        if (!found.ok) return found;
        options.push(...found.options);
      }
      continue;
    }
    const pairs = (Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined)?.(settings);
    if (pairs === undefined)
      return {
        ok: false,
        problem: problem(
          `${source}.${kind}`,
          "cannot be had as it is written",
          `known kinds: ${Object.keys(KINDS).join(", ")}, chain`,
        ),
      };
    for (const [option, value] of pairs) options.push({ name: option, value, source: `${source}.${kind}` });
  }
  return { ok: true, options };
}
