import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import type { Claim } from "./claim.ts";

const PATH = "/v1/cluster/claim";
const STATUS: Readonly<Record<string, number>> = { claimed: 404, too_many: 429, wrong_code: 403 };

/** Only on a machine with our firmware, whose screen shows the code. */
export function claimRoutes(claim: Claim): Route[] {
  return [
    route({
      method: "GET",
      path: PATH,
      summary: "Whether the cluster waits for somebody to take it over",
      access: { kind: "public" },
      handle: async () => ({ kind: "json", value: { Open: await claim.isOpen() } }),
    }),
    route({
      method: ["PUT", "POST"],
      path: PATH,
      summary:
        "Take the cluster over with the code on its first machine's screen: gives the token that may do everything",
      access: { kind: "public" },
      body: jsonBody(v.object({ Code: v.string() })),
      maxBodyBytes: 1024,
      handle: async ({ body }) => {
        const taken = await claim.take(body.Code);
        if (!taken.ok) throw new HttpError(STATUS[taken.error.code] ?? 500, taken.error.message);
        return { kind: "json", value: { Token: taken.value } };
      },
    }),
  ];
}
