import * as v from "valibot";
import { parseDuration } from "#base/language/duration.ts";
import { integer, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";

const PATH = "/v1/cluster/join-tokens";
const TokenSchema = v.looseObject({
  ID: text,
  Role: text,
  Description: text,
  Created: text,
  Expires: text,
  Revoked: text,
  Uses: integer,
  MaxUses: integer,
});
const MadeSchema = v.looseObject({ ...TokenSchema.entries, Token: text, Servers: v.array(v.string()) });

/** Prints the whole line to run on the other machine. */
export const create = withNomad(async (session) => {
  const { nomad, flags, output } = session;
  const ttl = flags.value("ttl") ?? "24h";
  const ttlNs = parseDuration(ttl);
  if (ttlNs === undefined) throw new UsageError(`-ttl takes a duration such as 24h, not "${ttl}"`);
  const uses = Number(flags.value("uses") ?? "0");
  if (!Number.isSafeInteger(uses) || uses < 0) throw new UsageError("-uses takes a number of nodes; 0: any");
  const Role = flags.on("server") ? "server" : "client";
  const body = { Role, TTLMs: Math.round(ttlNs / 1e6), MaxUses: uses, Description: flags.value("description") ?? "" };
  const made = valueOf(await nomad.call({ method: "PUT", path: PATH, body, schema: MadeSchema }));
  if (flags.on("json")) return show(session, made, () => []);
  output.line(`lares join ${made.Servers[0] ?? "ADDRESS"} ${made.Token}${Role === "server" ? " -server" : ""}`);
  return 0;
});

export const list = withNomad(async (session) => {
  const tokens = valueOf(await session.nomad.call({ path: PATH, schema: v.array(TokenSchema) }));
  return show(session, tokens, () =>
    columns(
      ["ID", "Role", "Uses", "Expires", "State", "Description"],
      tokens.map(({ ID, Role, Uses, MaxUses, Expires, Revoked, Description }) => [
        ID,
        Role,
        MaxUses === 0 ? String(Uses) : `${Uses}/${MaxUses}`,
        Expires,
        Revoked !== "" ? "revoked" : Date.parse(Expires) <= Date.now() ? "expired" : "valid",
        Description,
      ]),
    ),
  );
});

export const revoke = withNomad(async ({ nomad, operands, output }) => {
  const [id, ...more] = operands;
  if (id === undefined || more.length > 0) throw new UsageError("name one join token by its ID");
  const path = `/v1/cluster/join-token/${encodeURIComponent(id)}`;
  valueOf(await nomad.call({ method: "DELETE", path, schema: v.unknown() }));
  output.line(`Join token ${id} lets nobody in any more.`);
  return 0;
});
