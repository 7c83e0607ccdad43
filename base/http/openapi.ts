import type * as v from "valibot";
import type { Dialect } from "./dialect.ts";
import {
  describeSchema,
  innerSchemas,
  isRequired,
  toJsonSchema,
  type JsonSchema,
  type SchemaNames,
} from "./json-schema.ts";
import { entriesOf, queryTypeOf } from "./query.ts";
import type { Method, Route } from "./route.ts";

export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  readonly dialect: Dialect;
}

/** An OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1) of a table of routes. */
export function openApi(routes: readonly Route[], options: OpenApiOptions): JsonSchema {
  const { names, components } = nameSchemas(routes);
  const paths: Record<string, JsonSchema> = {};
  for (const row of routes) {
    const path = (paths[templateOf(row.path)] ??= {});
    const methods: readonly Method[] = typeof row.method === "string" ? [row.method] : row.method;
    for (const method of methods) {
      // OpenAPI 3.1 has no word for other methods; an extension may say anything.
      const key = method === "LIST" ? "x-list" : method.toLowerCase();
      path[key] = operation(row, { method, names, options });
    }
  }
  const { title, version, description, dialect } = options;
  return {
    openapi: "3.1.0",
    info: { title, version, description },
    paths,
    components: {
      schemas: components,
      parameters: commonParameters(dialect),
      securitySchemes: {
        token: { type: "apiKey", in: "header", name: dialect.indexHeader.replace("Index", "Token") },
        bearer: { type: "http", scheme: "bearer" },
      },
    },
  };
}

interface Describing {
  readonly method: Method;
  readonly names: SchemaNames;
  readonly options: OpenApiOptions;
}

function operation(row: Route, { method, names }: Describing): JsonSchema {
  const isPublic = row.access.kind === "public";
  const capability = row.access.kind === "capability" ? `${row.access.resource}:${row.access.capability}` : undefined;
  return {
    operationId: operationId(method, row.path),
    summary: row.summary,
    tags: [row.group ?? row.path.split("/")[2] ?? "other"],
    parameters: [...pathParameters(row.path), ...queryParameters(row, names), ...sharedParameters(row)],
    ...(row.body === undefined ? {} : { requestBody: requestBody(row.body, names) }),
    responses: {
      "200": {
        description: "Done",
        ...(row.response === undefined
          ? {}
          : { content: { "application/json": { schema: toJsonSchema(row.response, names) } } }),
      },
      default: { description: "What went wrong", content: { "text/plain": { schema: { type: "string" } } } },
    },
    security: isPublic ? [{}] : [{ token: [] }, { bearer: [] }, {}],
    ...(capability === undefined ? {} : { "x-capability": capability }),
  };
}

function requestBody(body: NonNullable<Route["body"]>, names: SchemaNames): JsonSchema {
  if (body.schema === undefined) return { content: { "application/octet-stream": {} } };
  return { content: { "application/json": { schema: toJsonSchema(body.schema, names) } } };
}

function pathParameters(path: string): JsonSchema[] {
  return path
    .split("/")
    .flatMap((segment) =>
      /^[:+*]/.test(segment)
        ? [{ name: segment.slice(1), in: "path", required: true, schema: { type: "string" } }]
        : [],
    );
}

function queryParameters(row: Route, names: SchemaNames): JsonSchema[] {
  if (row.query === undefined) return [];
  return [...entriesOf(row.query)].map(([name, schema]) => ({
    name,
    in: "query",
    required: isRequired(schema),
    schema: queryTypeOf(schema) ?? toJsonSchema(schema, names),
  }));
}

/** What the kit itself reads, as far as it matters to this row. */
function sharedParameters(row: Route): JsonSchema[] {
  const wanted = [
    ...(row.tables === undefined ? [] : ["index", "wait", "stale", "consistent"]),
    ...(row.filter === undefined ? [] : ["filter"]),
    ...(row.pageKey === undefined ? [] : ["per_page", "next_token", "reverse"]),
    "pretty",
  ];
  const own = new Set(row.query === undefined ? [] : entriesOf(row.query).keys());
  return wanted.filter((name) => !own.has(name)).map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function commonParameters(dialect: Dialect): JsonSchema {
  const query = (name: string, description: string, schema: JsonSchema): JsonSchema => ({
    name,
    in: "query",
    description,
    schema,
  });
  const flag = { type: "boolean", default: false };
  const longest = `${dialect.maxWaitMs / 60_000}m`;
  return {
    index: query("index", `Wait until ${dialect.indexHeader} is higher than this`, { type: "integer", minimum: 0 }),
    wait: query("wait", `How long to wait, such as 30s; at most ${longest}`, { type: "string" }),
    stale: query("stale", "Answer from any server's copy", flag),
    consistent: query("consistent", "Verify first that the answer is the newest", flag),
    filter: query("filter", "An expression that picks items", { type: "string" }),
    per_page: query("per_page", `Items per page; ${dialect.nextTokenHeader} says where the next starts`, {
      type: "integer",
      minimum: 0,
    }),
    next_token: query("next_token", "Where this page starts", { type: "string" }),
    reverse: query("reverse", "Newest first", flag),
    pretty: query("pretty", "Indent the JSON", flag),
  };
}

function templateOf(path: string): string {
  return path.replaceAll(/(?<=\/)[:+*]([^/]+)/g, "{$1}");
}

/** `getJobAllocations` for `GET /v1/job/+id/allocations`. */
function operationId(method: Method, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "" && word !== "v1");
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

/** Object schemas that occur in several places get a name: the key under which they were met first. */
function nameSchemas(routes: readonly Route[]): { readonly names: SchemaNames; readonly components: JsonSchema } {
  const met = new Map<v.GenericSchema, { key: string; times: number }>();
  const visit = (schema: v.GenericSchema, key: string): void => {
    const isObject = entriesOf(schema).size > 0;
    const seen = met.get(schema);
    if (seen !== undefined) seen.times += 1;
    else if (isObject) met.set(schema, { key, times: 1 });
    if (seen === undefined) for (const [inner, found] of innerSchemas(schema)) visit(found, inner === "" ? key : inner);
  };
  for (const row of routes) {
    const key = operationId("GET", row.path).slice(3);
    for (const schema of [row.body?.schema, row.response]) if (schema !== undefined) visit(schema, key);
  }
  const byName = new Map<string, v.GenericSchema>();
  const refs = new Map<v.GenericSchema, string>();
  for (const [schema, { key, times }] of met) {
    if (times < 2) continue;
    const stem = key.replaceAll(/[^A-Za-z0-9]/g, "");
    let name = stem;
    for (let n = 2; byName.has(name); n++) name = `${stem}${n}`;
    byName.set(name, schema);
    refs.set(schema, `#/components/schemas/${name}`);
  }
  const names: SchemaNames = { refOf: (schema) => refs.get(schema) };
  const components = Object.fromEntries([...byName].map(([name, schema]) => [name, describeSchema(schema, names)]));
  return { names, components };
}
