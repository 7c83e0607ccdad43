import * as v from "valibot";
import { countField, recordField, textMapField } from "#daemons/discovery/serf/wire/fields.ts";
import { UsageError } from "../command/command.ts";
import { withSerf } from "./session.ts";

const counts = recordField(countField(1e9));
const KeysSchema = v.object({ Messages: textMapField, Keys: counts, NumNodes: countField(1e9) });
const VERBS = ["install", "use", "remove"] as const;

/** Exactly one of `-list`, `-install`, `-use`, `-remove`. */
export const keys = withSerf(async ({ rpc, flags, output }) => {
  const verbs = VERBS.filter((verb) => flags.value(verb) !== undefined);
  if (verbs.length + (flags.on("list") ? 1 : 0) !== 1)
    throw new UsageError("give one of -list, -install, -use and -remove");
  const [verb] = verbs;
  if (verb !== undefined) {
    await rpc.ask(KeysSchema, `${verb}-key`, { Key: flags.value(verb) ?? "" });
    output.line(`Successfully ${DONE[verb]} key!`);
    return 0;
  }
  const { Keys, NumNodes, Messages } = await rpc.ask(KeysSchema, "list-keys");
  output.line("Keys gathered, listing cluster keys...");
  for (const [node, message] of Object.entries(Messages)) output.line(`  ${node}: ${message}`);
  for (const [key, count] of Object.entries(Keys)) output.line(`  ${key} [${count}/${NumNodes}]`);
  return 0;
});

const DONE = { install: "installed", use: "changed primary", remove: "removed" } as const;
