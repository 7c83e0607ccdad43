import * as v from "valibot";
import { textMap } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { findNode } from "./find-node.ts";

const MetaSchema = v.object({
  Meta: textMap,
  Dynamic: v.nullish(v.record(v.string(), v.nullable(v.string())), () => ({})),
  Static: textMap,
});

/** A node's metadata: what runs by it, what was set while it ran, what its configuration says. */
export const read = withNomad(async (session) => {
  const node_id = await nodeId(session);
  const { nomad, flags } = session;
  const answer = valueOf(await nomad.call({ path: "/v1/client/metadata", query: { node_id }, schema: MetaSchema }));
  return show(session, answer, () => {
    const section = (title: string, pairs: readonly (readonly [string, string])[]): string[] =>
      pairs.length === 0 ? [`No ${title.toLowerCase()}`] : [title, ...properties(pairs.toSorted(byName))];
    const dynamic = Object.entries(answer.Dynamic).map(([key, value]) => [key, value ?? "<unset>"] as const);
    return flags.on("verbose")
      ? [
          ...section("All Meta", Object.entries(answer.Meta)),
          "",
          ...section("Dynamic Meta", dynamic),
          "",
          ...section("Static Meta", Object.entries(answer.Static)),
        ]
      : section("Meta", Object.entries(answer.Meta));
  });
});

/** `KEY=VALUE …`, and `-unset KEY,KEY`. */
export const apply = withNomad(async (session) => {
  const { operands, flags, nomad, output } = session;
  const set = operands.map((pair): [string, string | null] => {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError(`give KEY=VALUE, not "${pair}"`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  const unset = (flags.value("unset") ?? "").split(",").filter((key) => key !== "");
  if (set.length + unset.length === 0) throw new UsageError("give KEY=VALUE, or -unset=KEY");
  const Meta = Object.fromEntries([...set, ...unset.map((key): [string, null] => [key, null])]);
  const node_id = await nodeId(session);
  const path = "/v1/client/metadata";
  valueOf(
    await nomad.call({
      method: "POST",
      path,
      query: { node_id },
      body: { NodeID: node_id ?? "", Meta },
      schema: v.unknown(),
    }),
  );
  output.line("Node metadata applied");
  return 0;
});

/** `-node-id`; without it the node that is asked. */
async function nodeId(session: NomadSession): Promise<string | undefined> {
  const given = session.flags.value("node-id");
  return given === undefined ? undefined : (await findNode(session, given)).ID;
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}
