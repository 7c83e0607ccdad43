import * as v from "valibot";
import { flag, integer, list, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";

/** https://developer.hashicorp.com/nomad/api-docs/operator/raft */
const ConfigurationSchema = v.object({
  Index: integer,
  Servers: list(v.object({ ID: text, Node: text, Address: text, Leader: flag, Voter: flag, RaftProtocol: text })),
});

/** The servers that hold the cluster's state. */
export const listPeers = withNomad(async (session) => {
  const path = "/v1/operator/raft/configuration";
  const { Servers: servers } = valueOf(await session.nomad.call({ path, schema: ConfigurationSchema }));
  return show(session, servers, () =>
    columns(
      ["Node", "ID", "Address", "State", "Voter", "RaftProtocol"],
      servers.map((one) => [
        one.Node,
        one.ID,
        one.Address,
        one.Leader ? "leader" : "follower",
        String(one.Voter),
        one.RaftProtocol,
      ]),
    ),
  );
});

export const removePeer = withNomad(async (session) => {
  const query = peerOf(session, "peer-id", "peer-address");
  valueOf(await session.nomad.call({ method: "DELETE", path: "/v1/operator/raft/peer", query, schema: v.unknown() }));
  session.output.line("Removed peer");
  return 0;
});

export const transferLeadership = withNomad(async (session) => {
  const query = peerOf(session, "peer-id", "peer-address");
  const path = "/v1/operator/raft/transfer-leadership";
  valueOf(await session.nomad.call({ method: "PUT", path, query, schema: v.unknown() }));
  session.output.line("Transferred leadership");
  return 0;
});

function peerOf({ flags }: NomadSession, idFlag: string, addressFlag: string) {
  const [id, address] = [flags.value(idFlag), flags.value(addressFlag)];
  if ((id === undefined) === (address === undefined)) {
    throw new UsageError(`give either -${idFlag} or -${addressFlag}: "lares operator raft list-peers" lists them`);
  }
  return id === undefined ? { address } : { id };
}
