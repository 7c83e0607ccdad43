import * as v from "valibot";
import { flag, integer, list, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { bytes } from "../print/bytes.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";

const PATH = "/v1/operator/state";
/** All of a large state is copied before the answer comes. */
const MOVE_MS = 600_000;

const StateSchema = v.object({
  Engine: text,
  External: flag,
  Revision: integer,
  Keys: integer,
  Bytes: integer,
  Moving: text,
  Failure: text,
  Problems: list(v.string()),
  Members: list(v.object({ ID: text, Address: text, Voter: flag, Healthy: flag, Leader: flag, Bytes: integer })),
});

/** Where the state is kept. */
export const state = withNomad(async (session) => {
  const found = valueOf(await session.nomad.call({ path: PATH, schema: StateSchema }));
  return show(session, found, () => {
    const lines: [string, string][] = [
      ["Engine", found.External ? `${found.Engine}, which somebody else runs` : found.Engine],
      ["Revision", String(found.Revision)],
      ["Keys", String(found.Keys)],
      ["On disk", bytes(found.Bytes)],
      ...(found.Moving === "" ? [] : [["Moving to", found.Moving] satisfies [string, string]]),
      ...(found.Failure === "" ? [] : [["Not moved", found.Failure] satisfies [string, string]]),
    ];
    const members = found.Members.map((one) => [
      one.ID,
      one.Address,
      one.Voter ? "voter" : "learner",
      one.Healthy ? (one.Leader ? "leads" : "well") : "silent",
      bytes(one.Bytes),
    ]);
    const voters = found.Members.filter(({ Voter }) => Voter).length;
    if (voters > 0 && voters % 2 === 0)
      lines.push([
        "Warning",
        `an even number of servers (${voters}) survives no more losses than one less: add another, or take one out`,
      ]);
    for (const problem of found.Problems) lines.push(["Warning", problem]);
    const table = members.length === 0 ? [] : ["", ...columns(["Member", "Address", "Role", "Is", "On disk"], members)];
    return [...properties(lines), ...table];
  });
});

/** `-to etcd|sqlite`: keeps it elsewhere. */
export const moveState = withNomad(async ({ nomad, flags, output }) => {
  const to = flags.value("to");
  if (to !== "etcd" && to !== "sqlite") throw new UsageError("say where to: -to etcd, or -to sqlite");
  const body = { Engine: to };
  valueOf(await nomad.call({ method: "PUT", path: PATH, body, schema: v.unknown(), timeoutMs: MOVE_MS }));
  output.line(`All of the state is copied to ${to}; the agent starts anew on it`);
  return 0;
});
