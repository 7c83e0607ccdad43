import * as v from "valibot";
import { fail, type Result } from "#base/env/errors.ts";
import { jsonBody } from "#base/http/body.ts";
import { queryFlag } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { decodeSegment } from "#base/http/target.ts";
import type { Settings } from "../../settings/settings.ts";
import { badRequest, notFound, valueOf } from "../api-error.ts";
import type { ApiDeps } from "../api-deps.ts";
import { hashPassword } from "../password.ts";
import { elementAt, isTree, readTree, unknownPath, writeTree, type ConfigTree } from "./config-tree.ts";
import type { Element } from "./element.ts";

const ACCESS = { kind: "any-token" } as const;
const DetailQuery = v.object({ detailed: v.optional(queryFlag, "false") });
const PatchSchema = v.object({ config: v.custom<ConfigTree>(isTree, "expected an object of settings under config") });

/** Pi-hole's configuration tree over our settings. */
export function configRoutes(deps: ApiDeps): Route[] {
  const reading = (path: string): Route =>
    route({
      method: "GET",
      path,
      summary: "Settings under Pi-hole's names",
      access: ACCESS,
      query: DetailQuery,
      handle: ({ params, query }) => {
        const element = pathOf(params["element"] ?? "").join(".");
        const { current } = deps.settings;
        const tree = readTree(element, (each) => (query.detailed ? details(each, current) : each.read(current)));
        if (tree === undefined) throw notFound(`there is no setting ${element}`);
        return { kind: "json", value: { config: tree } };
      },
    });
  return [
    reading("/api/config"),
    reading("/api/config/*element"),
    route({
      method: "PATCH",
      path: "/api/config",
      summary: "Change settings",
      access: ACCESS,
      body: jsonBody(PatchSchema),
      handle: async ({ body }) => {
        const tree = await withHashedPassword(deps, body.config);
        const before = deps.settings.current.api.passwordHash;
        await update(deps, (settings) => writeTree(settings, tree));
        // Whoever knew the old password alone is out.
        if (deps.settings.current.api.passwordHash !== before) deps.sessions.closeAll();
        const { current } = deps.settings;
        return { kind: "json", value: { config: readTree("", (each) => each.read(current)) } };
      },
    }),
    route({
      method: "PUT",
      path: "/api/config/*element",
      summary: "Add a value to a list",
      access: ACCESS,
      handle: ({ path }) => changeList(deps, path, "add"),
    }),
    route({
      method: "DELETE",
      path: "/api/config/*element",
      summary: "Take a value off a list",
      access: ACCESS,
      handle: ({ path }) => changeList(deps, path, "remove"),
    }),
  ];
}

async function update(deps: ApiDeps, change: (settings: Settings) => Result<Settings>): Promise<void> {
  valueOf(await deps.settings.update(change));
}

function pathOf(rest: string): string[] {
  return rest.split(/[/.]/).filter((part) => part !== "");
}

/** `/api/config/dns/hosts/192.168.1.5%20nas.lan`: the last part is the value, as one segment. */
async function changeList(deps: ApiDeps, path: string, what: "add" | "remove"): Promise<Reply> {
  const segments = path.replace(/\/$/, "").split("/").slice(3).map(decodeSegment);
  const value = segments.pop() ?? "";
  const name = segments.join(".");
  const element = elementAt(name);
  if (element === undefined) throw badRequest(valueError(unknownPath(name)), "PUT /api/config/ELEMENT/VALUE");
  if (element.type !== "string array")
    throw badRequest(`${name} is no list`, "PATCH /api/config changes single values");
  await update(deps, (settings) => {
    const values = listOf(element.read(settings));
    const isThere = values.includes(value);
    if (what === "add" && isThere)
      return fail("bad_request", "Item already present", "uniqueness of items is enforced");
    if (what === "remove" && !isThere) return fail("not_found", "Item not found", `${name} has no ${value}`);
    return element.write(settings, what === "add" ? [...values, value] : values.filter((one) => one !== value));
  });
  return what === "add" ? { kind: "json", status: 201, value: {} } : { kind: "empty", status: 204 };
}

function valueError(result: Result<never>): string {
  return result.ok ? "" : result.error.message;
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one: unknown) => typeof one === "string") : [];
}

/** `webserver.api.password` is written, never read: its hash is what is kept. */
async function withHashedPassword(deps: ApiDeps, tree: ConfigTree): Promise<ConfigTree> {
  const webserver = tree["webserver"];
  const api = isTree(webserver) ? webserver["api"] : undefined;
  if (!isTree(webserver) || !isTree(api) || !("password" in api)) return tree;
  const { password, ...rest } = api;
  if (typeof password !== "string") throw badRequest("webserver.api.password is a text");
  const pwhash =
    password === "" ? "" : await hashPassword(password, { random: deps.env.random, deriveKey: deps.deriveKey });
  return { ...tree, webserver: { ...webserver, api: { ...rest, pwhash } } };
}

function details(element: Element, settings: Settings) {
  const { description, type, allowed, initial, isKept } = element;
  const value = element.read(settings);
  return {
    description,
    allowed: allowed ?? null,
    type,
    value,
    default: initial,
    modified: JSON.stringify(value) !== JSON.stringify(initial),
    flags: { restart_dnsmasq: false, session_reset: false, env_var: false, read_only: false, has_effect: !isKept },
  };
}

/** The tree as files have it: no secrets. */
export function plainTree(settings: Settings): ConfigTree {
  return readTree("", (each) => each.read(settings)) ?? {};
}
