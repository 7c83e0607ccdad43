import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { Rollout } from "#base/protocol/rollout.ts";
import { text } from "#base/protocol/schema.ts";
import { management } from "#daemons/scheduler/http/requests.ts";
import { BUSY, RESETS, type FirmwareNode } from "./firmware-node.ts";

export interface ResetRouteDeps {
  /** Undefined: this machine runs another. */
  readonly firmware: FirmwareNode | undefined;
  readonly nodeId: string;
  readonly nodeName: string;
  /** The last update of all nodes, as who holds this token may read it; undefined: there was none. */
  readonly rollout: (token: string) => Promise<Rollout | undefined>;
}

const ResetBody = v.object({ What: v.picklist(RESETS), Confirm: text });

export const noFirmware = "this node does not run the Lares firmware";

/**
 * `PUT /v1/client/firmware/reset?node_id=ID` with `{"What": "data" | "all", "Confirm": "<the node's name>"}`: the node forgets what its
 * agent keeps, or everything, and restarts. Answers `{"What": …, "Node": "<id>"}` before it does. 400 without either, or with the name
 * of another node; 404 where the machine has another system; 409 while an update of it is written, or a rollout is at it.
 */
export function resetRoute({ firmware, nodeId, nodeName, rollout }: ResetRouteDeps): Route {
  return route({
    method: ["PUT", "POST"],
    path: "/v1/client/firmware/reset",
    summary: "Make a node forget everything, or what its agent keeps, and restart it",
    access: management,
    query: v.object({ node_id: queryText }),
    body: jsonBody(ResetBody),
    target: ({ What }) => What,
    handle: async ({ query, body: { What, Confirm }, token }) => {
      // No other may be meant: an id that no server knows arrives at whoever was asked.
      if (query.node_id !== "" && query.node_id !== nodeId)
        throw new HttpError(404, `Unknown node: ${query.node_id}; this agent's node is ${nodeId}`);
      if (firmware === undefined) throw new HttpError(404, noFirmware);
      if (Confirm !== nodeName)
        throw new HttpError(
          400,
          `request body: Confirm: expected "${nodeName}", the name of the node that is to be reset, got ${JSON.stringify(Confirm)}`,
        );
      if (isAt(await rollout(token), nodeId))
        throw new HttpError(409, "the update of the cluster's firmware is at this node (`lares os rollout` shows it)");
      await firmware.reset(What).catch((thrown: unknown) => {
        if (thrown instanceof CodedError && thrown.code === BUSY) throw new HttpError(409, thrown.message);
        throw thrown;
      });
      return { kind: "json", value: { What, Node: nodeId } };
    },
  });
}

function isAt(rollout: Rollout | undefined, nodeId: string): boolean {
  if (rollout?.State !== "running") return false;
  return rollout.Nodes.some(({ NodeID, State }) => NodeID === nodeId && (State === "draining" || State === "updating"));
}
