import type { PeerCertificate } from "#base/http/exchange.ts";
import type { MemberRole } from "#base/protocol/cluster.ts";

/** What every server's certificate says, whatever its region: what a node that joins expects. */
export const SERVER_NAME = "server.lares";
const CLIENT_NAME = "client.lares";
const NODE_SUFFIX = ".node.lares";

/** What a certificate says of its node. */
export interface Peer {
  readonly nodeId: string;
  readonly role: MemberRole;
}

export function certificateNames(
  { nodeId, role }: Peer,
  known: { readonly region: string; readonly nodeName: string },
): readonly string[] {
  const general = role === "server" ? SERVER_NAME : CLIENT_NAME;
  const host = isHostName(known.nodeName) ? [known.nodeName] : [];
  return [`${role}.${known.region}.lares`, general, nodeServerName(nodeId), ...host, "localhost"];
}

/** The name to expect of one node. */
export function nodeServerName(nodeId: string): string {
  return `${nodeId}${NODE_SUFFIX}`;
}

/** Undefined: the certificate is not to be trusted, or none of a node. */
export function peerOf(certificate: PeerCertificate | undefined): Peer | undefined {
  if (certificate === undefined || certificate.problem !== "") return undefined;
  const own = certificate.names.find((name) => name.endsWith(NODE_SUFFIX));
  if (own === undefined) return undefined;
  const role = certificate.names.includes(SERVER_NAME) ? "server" : "client";
  return { nodeId: own.slice(0, -NODE_SUFFIX.length), role };
}

/** RFC 1123 section 2.1; other names of nodes are no names of hosts. */
function isHostName(name: string): boolean {
  return /^(?!.*\.lares$)[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(name);
}
