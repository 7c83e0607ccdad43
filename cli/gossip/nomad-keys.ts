import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

const KeysSchema = v.object({ Keys: v.record(v.string(), v.number()), NumNodes: v.number() });
/** Key queries wait for the slowest member. */
const WAIT_MS = 120_000;

export const list = withNomad(async ({ nomad, output, flags }) => {
  const answer = valueOf(await nomad.call({ path: "/v1/agent/keyring/list", schema: KeysSchema, timeoutMs: WAIT_MS }));
  if (await printed({ flags, output }, answer)) return 0;
  const rows = Object.entries(answer.Keys).map(([key, count]) => [key, `${count}/${answer.NumNodes}`]);
  for (const line of columns(["Key", "Members"], rows)) output.line(line);
  return 0;
});

export const install = change("install", "Installed the key");
export const use = change("use", "This key encrypts gossip now");
export const remove = change("remove", "Removed the key");

function change(verb: string, done: string): RunCommand {
  return withNomad(async ({ nomad, operands, output }) => {
    const [Key, ...more] = operands;
    if (Key === undefined || more.length > 0) throw new UsageError("give one key");
    const path = `/v1/agent/keyring/${verb}`;
    valueOf(await nomad.call({ method: "PUT", path, body: { Key }, schema: KeysSchema, timeoutMs: WAIT_MS }));
    output.line(done);
    return 0;
  });
}
