import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import { durationInput } from "#base/http/time-input.ts";
import { text } from "#base/protocol/schema.ts";
import type { Acl } from "../../server/acl/acl.ts";
import { writeNode } from "../requests.ts";

const BodySchema = v.object({
  NodeName: text,
  NodePool: v.nullish(v.string(), ""),
  TTL: durationInput,
});
/** Names and pools that a node may have: printable, without the separator of subjects. */
const NAME = /^[\w.-]{0,256}$/;

/** https://developer.hashicorp.com/nomad/api-docs/acl/identities */
export function introductionRoutes({ nodeIdentities }: Acl): Route[] {
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/acl/identity/client-introduction-token",
      summary: "Make a token that lets a new node in",
      access: writeNode,
      body: jsonBody(BodySchema),
      handle({ body: { NodeName, NodePool, TTL } }) {
        for (const name of [NodeName, NodePool]) {
          if (!NAME.test(name)) throw new HttpError(400, `${JSON.stringify(name)} is no name of a node or a pool`);
        }
        if (TTL < 0) throw new HttpError(400, "TTL must not be negative");
        const JWT = nodeIdentities.introduce({
          nodeName: NodeName,
          nodePool: NodePool === "" ? "default" : NodePool,
          ttlMs: TTL === 0 ? undefined : TTL / 1e6,
        });
        return { kind: "json", value: { JWT } };
      },
    }),
  ];
}
