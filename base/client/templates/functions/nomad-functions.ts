import { all, ANY, f1, STRING, type Defined, type Outcome } from "#base/language/go-template/functions/define.ts";
import { GoError, type GoValue } from "#base/language/go-template/value.ts";
import * as parse from "../dependencies/parse-dependency.ts";
import { listed } from "./api-functions.ts";
import { ask, type Sources } from "./sources.ts";

/** consul-template's functions over Nomad's API; `namespace` is that of variables whose path names none. */
export function nomadFunctions(sources: Sources, namespace: string): readonly Defined[] {
  const variables = (name: string, safe: boolean): Defined =>
    all(name, STRING, (prefixes) => {
      if (prefixes.length > 1) {
        const usage = 'nomadVarList takes either a single "prefix" parameter or none for all available variables';
        return new GoError(`${usage}; got: [${prefixes.join(" ")}]`);
      }
      const query = parse.parseVariables(prefixes[0] ?? "", namespace);
      return ask(sources, query, { empty: [], read: (items) => listed(items, { keeps: () => true, safe }) });
    });
  return [
    all("nomadServices", STRING, (query) => ask(sources, parse.parseNomadServices(query.join("")), { empty: [] })),
    all("nomadService", ANY, (params) => nomadService(sources, params)),
    f1("nomadVar", [STRING], (path) =>
      path === "" ? null : ask(sources, parse.parseVariable(path, { namespace, block: true }), { empty: null }),
    ),
    f1("nomadVarExists", [STRING], (path) =>
      path === ""
        ? false
        : ask(sources, parse.parseVariable(path, { namespace, block: false }), {
            empty: false,
            read: (value) => value !== null,
          }),
    ),
    variables("nomadVarList", false),
    variables("nomadVarListSafe", true),
  ];
}

/** `<service>` or `<count> <key> <service>`. */
function nomadService(sources: Sources, params: readonly GoValue[]): Outcome {
  if (params.length !== 1 && params.length !== 3)
    return new GoError("expected arguments <service> or <count> <key> <service>");
  const service = params.at(-1);
  const [count, key] = params;
  if (params.length === 3 && typeof count !== "bigint") return new GoError("expected integer for <count> argument");
  if (params.length === 3 && typeof key !== "string") return new GoError("expected string for <key> argument");
  if (typeof service !== "string") return new GoError("expected string for <service> argument");
  const choose = typeof count === "bigint" && typeof key === "string" ? { count, key } : undefined;
  return ask(sources, parse.parseNomadService(service, choose), { empty: [] });
}
