import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import { distance } from "#daemons/discovery/serf/core/coordinate.ts";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { printed } from "../print/show.ts";

const Coord = v.object({ Vec: v.array(v.number()), Error: v.number(), Adjustment: v.number(), Height: v.number() });
const SelfSchema = v.object({ Config: v.object({ NodeName: v.string() }) });
const NodesSchema = v.array(v.object({ Node: v.string(), Coord }));

/** `NODE [NODE]`; the second is by default the node of the agent that is asked. */
export const rtt = withConsul(async ({ consul, output, operands, flags }) => {
  const [first, given, ...more] = operands;
  if (first === undefined || more.length > 0) throw new UsageError("name one or two nodes");
  const second = given ?? valueOf(await consul.call({ path: "/v1/agent/self", schema: SelfSchema })).Config.NodeName;
  const nodes = valueOf(await consul.call({ path: "/v1/coordinate/nodes", schema: NodesSchema }));
  const coordinateOf = (name: string): v.InferOutput<typeof Coord> => {
    const found = nodes.find((each) => each.Node === name);
    if (found !== undefined) return found.Coord;
    throw new CodedError(
      "missing",
      `Could not find a coordinate for node "${name}"`,
      "`lares members` lists the nodes; coordinates are measured where gossip is on.",
    );
  };
  const ms = distance(coordinateOf(first), coordinateOf(second)) * 1000;
  if (!(await printed({ flags, output }, { From: first, To: second, Milliseconds: ms })))
    output.line(`Estimated ${first} <-> ${second} rtt: ${ms.toFixed(3)} ms (using LAN coordinates)`);
  return 0;
});
