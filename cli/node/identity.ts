import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { findNode } from "./find-node.ts";

const ClaimsSchema = v.object({ Claims: v.record(v.string(), v.unknown()) });
const IntroductionSchema = v.object({ JWT: v.string() });
/** Claims that are points in time, in seconds. */
const TIMES = new Set(["exp", "iat", "nbf"]);

export const get = withNomad(async (session) => {
  const node_id = await only(session);
  const answer = valueOf(
    await session.nomad.call({ path: "/v1/client/identity", query: { node_id }, schema: ClaimsSchema }),
  );
  const rows = Object.entries(answer.Claims).map(([key, value]) => [key, shown(key, value)]);
  return show(session, answer, () =>
    columns(
      ["Claim Key", "Claim Value"],
      rows.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
    ),
  );
});

export const renew = withNomad(async (session) => {
  const node_id = await only(session);
  const { nomad, output } = session;
  const path = "/v1/client/identity/renew";
  const body = { NodeID: node_id };
  valueOf(await nomad.call({ method: "POST", path, query: { node_id }, body, schema: v.unknown() }));
  output.line(`Node ${node_id} asks for a new identity with its next heartbeat`);
  return 0;
});

export const introduce = withNomad(async (session) => {
  const { nomad, flags, operands } = session;
  if (operands.length > 0) throw new UsageError("give no operands");
  const body = {
    NodeName: flags.value("node-name") ?? "",
    NodePool: flags.value("node-pool") ?? "",
    TTL: flags.value("ttl") ?? "",
  };
  const path = "/v1/acl/identity/client-introduction-token";
  const answer = valueOf(await nomad.call({ method: "POST", path, body, schema: IntroductionSchema }));
  return show(session, answer, () => ["Successfully generated client introduction token:", "", answer.JWT]);
});

async function only(session: NomadSession): Promise<string> {
  const [node, ...more] = session.operands;
  if (node === undefined || more.length > 0) throw new UsageError("name one node");
  return (await findNode(session, node)).ID;
}

function shown(key: string, value: unknown): string {
  return TIMES.has(key) && typeof value === "number" ? new Date(value * 1000).toISOString() : String(value);
}
