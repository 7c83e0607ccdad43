import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { queryDurationMs, queryFlag, queryInteger, queryTexts } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { pets, type Pet, type World } from "./serve.ts";

const open = { kind: "public" } as const;

/** A small API over the pets of a world. */
export function petRoutes({ view, add }: World): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/pets",
      summary: "Lists pets",
      access: open,
      tables: [pets],
      filter: "items",
      pageKey: (pet: Pet) => pet.Name,
      handle: () => ({
        kind: "state",
        read: () => {
          const table = view.table(pets);
          return { index: table.lastIndex, value: [...table.list()].map((row) => row.value) };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/pet/:name",
      summary: "Reads a pet",
      access: { kind: "capability", resource: "pets", capability: "read" },
      tables: [pets],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const row = view.table(pets).get("_", params.name);
          return { index: view.table(pets).lastIndex, value: row?.value, missing: `no pet "${params.name}"` };
        },
      }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/pets",
      summary: "Adds a pet",
      access: open,
      maxBodyBytes: 1000,
      query: v.object({ loud: queryFlag, times: queryInteger, wait: queryDurationMs, tag: queryTexts }),
      body: jsonBody(v.object({ Pet: v.object({ Name: v.string(), Ages: v.optional(v.array(v.number())) }) })),
      async handle({ body, query }) {
        const index = await add(body.Pet.Name, query.loud ? "dog" : "cat");
        return { kind: "json", value: { ...query }, index };
      },
    }),
  ];
}
