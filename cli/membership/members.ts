import * as v from "valibot";
import { text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";

const MemberSchema = v.looseObject({
  NodeID: text,
  Name: text,
  Role: text,
  Status: text,
  Address: text,
  Joined: text,
  CertificateEnds: text,
});
const AuthoritySchema = v.looseObject({ ID: text, State: text, Created: text, Ends: text, Pin: text });

export const list = withNomad(async (session) => {
  const members = valueOf(await session.nomad.call({ path: "/v1/cluster/members", schema: v.array(MemberSchema) }));
  return show(session, members, () =>
    columns(
      ["Name", "Role", "Status", "Address", "Certificate ends", "Node ID"],
      members.map(({ Name, Role, Status, Address, CertificateEnds, NodeID }) => [
        Name,
        Role,
        Status === "" ? "unknown" : Status,
        Address,
        CertificateEnds,
        NodeID,
      ]),
    ),
  );
});

export const forget = withNomad(async ({ nomad, operands, output }) => {
  const [id, ...more] = operands;
  if (id === undefined || more.length > 0) throw new UsageError("name one member by its node ID");
  const path = `/v1/cluster/member/${encodeURIComponent(id)}`;
  valueOf(await nomad.call({ method: "DELETE", path, schema: v.unknown() }));
  output.line(`Node ${id} is no member any more.`);
  return 0;
});

export const authorities = withNomad(async (session) => {
  const path = "/v1/cluster/authorities";
  const found = valueOf(await session.nomad.call({ path, schema: v.array(AuthoritySchema) }));
  return show(session, found, () =>
    columns(
      ["ID", "State", "Created", "Ends"],
      found.map(({ ID, State, Created, Ends }) => [ID, State, Created, Ends]),
    ),
  );
});

export const rotate = withNomad(async ({ nomad, output }) => {
  const path = "/v1/cluster/authorities/rotate";
  valueOf(await nomad.call({ method: "PUT", path, schema: v.unknown() }));
  output.line("A new authority was made. It signs as soon as all members trust it, which they do within minutes.");
  return 0;
});
