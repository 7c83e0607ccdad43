import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import { distance } from "#daemons/discovery/serf/core/coordinate.ts";
import { countField, flagField, recordField, textMapField } from "#daemons/discovery/serf/wire/fields.ts";
import { UsageError } from "../command/command.ts";
import { tagsOf } from "./members.ts";
import { withSerf, type SerfSession } from "./session.ts";

const StatsSchema = recordField(textMapField);

export const join = withSerf(async ({ rpc, flags, operands, output }) => {
  if (operands.length === 0) throw new UsageError("name at least one address to join");
  const body = { Existing: operands, Replay: flags.on("replay") };
  const { Num } = await rpc.ask(v.object({ Num: countField(1e9) }), "join", body);
  output.line(`Successfully joined cluster by contacting ${Num} nodes.`);
  return 0;
});

export const leave = withSerf(async ({ rpc, output }) => {
  await rpc.call("leave");
  output.line("Graceful leave complete");
  return 0;
});

export const forceLeave = withSerf(async ({ rpc, flags, operands }) => {
  const [node, ...more] = operands;
  if (node === undefined || more.length > 0) throw new UsageError("name one node");
  await rpc.call("force-leave", { Node: node, Prune: flags.on("prune") });
  return 0;
});

export const tags = withSerf(async ({ rpc, flags, output }) => {
  const Tags = tagsOf(flags, "set");
  const DeleteTags = flags.values("delete");
  if (Object.keys(Tags).length + DeleteTags.length === 0) throw new UsageError("give -set KEY=VALUE or -delete KEY");
  await rpc.call("tags", { Tags, DeleteTags });
  output.line("Successfully updated agent tags");
  return 0;
});

export const info = withSerf(async ({ rpc, flags, output }) => {
  const stats = await rpc.ask(StatsSchema, "stats");
  if (flags.value("format") === "json" || flags.on("json")) {
    output.line(JSON.stringify(stats, null, 2));
    return 0;
  }
  for (const topic of Object.keys(stats).toSorted()) {
    output.line(`${topic}:`);
    for (const [name, figure] of Object.entries(stats[topic] ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      output.line(`\t${name} = ${figure}`);
  }
  return 0;
});

/** `NODE [NODE]`: the second is the agent's own unless it is named. */
export const rtt = withSerf(async (session) => {
  const { rpc, operands, output } = session;
  const [first, given, ...more] = operands;
  if (first === undefined || more.length > 0) throw new UsageError("name one or two nodes");
  const second = given ?? (await rpc.ask(StatsSchema, "stats"))["agent"]?.["name"] ?? "";
  const ms = distance(await coordinateOf(session, first), await coordinateOf(session, second)) * 1000;
  output.line(`Estimated ${first} <-> ${second} rtt: ${ms.toFixed(3)} ms`);
  return 0;
});

const CoordinateSchema = v.object({
  Vec: v.array(v.number()),
  Error: v.number(),
  Adjustment: v.number(),
  Height: v.number(),
});
const FoundSchema = v.object({ Coord: v.nullish(CoordinateSchema), Ok: flagField });

async function coordinateOf({ rpc }: SerfSession, node: string): Promise<v.InferOutput<typeof CoordinateSchema>> {
  const { Coord, Ok } = await rpc.ask(FoundSchema, "get-coordinate", { Node: node });
  if (Ok && Coord !== undefined && Coord !== null) return Coord;
  throw new CodedError("missing", `Could not find a coordinate for node "${node}"`);
}
