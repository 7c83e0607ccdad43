import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { jsonBody } from "#base/http/body.ts";
import { route, type Route } from "#base/http/route.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { management } from "./requests.ts";
import { EngineSchema } from "./state-keeper.ts";

const body = jsonBody(v.object({ Engine: EngineSchema }));

/** Where the state is kept, and its move to another engine. */
export function stateRoutes({ agent: { stateKeeper } }: NomadHttpDeps): Route[] {
  if (stateKeeper === undefined) return [];
  return [
    route({
      method: "GET",
      path: "/v1/operator/state",
      summary: "Where the state is kept",
      access: management,
      handle: async () => ({ kind: "json", value: await stateKeeper.describe() }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/operator/state",
      summary: "Keep the state elsewhere",
      access: management,
      body,
      handle: async ({ body: { Engine } }) => {
        const moved = await stateKeeper.move(Engine);
        if (!moved.ok) throw new HttpError(400, `${moved.error.message}: ${moved.error.hint}`);
        return { kind: "empty", status: 200 };
      },
    }),
  ];
}
