import { createPrivateKey, createPublicKey, sign, X509Certificate } from "node:crypto";
import * as v from "valibot";
import { textOf, utf8 } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import { CodedError } from "#base/env/errors.ts";
import { MEMBER_ROLES } from "#base/protocol/cluster.ts";
import { text } from "#base/protocol/schema.ts";
import { proofText } from "#daemons/cluster/calls.ts";

/** What a node keeps of its cluster, in one file, so that it is renewed whole or not at all. */
export const MembershipSchema = v.object({
  clusterId: v.string(),
  region: v.string(),
  role: v.picklist(MEMBER_ROLES),
  nodeId: v.string(),
  /** PEM. */
  certificate: v.string(),
  /** When it was got, by this node's clock: see `Authorities.sign`. Earlier programs did not keep it; their certificates tell. */
  issuedMs: v.optional(v.number()),
  key: v.string(),
  authorities: v.string(),
  /** See `Authorities.trust`. */
  trust: v.string(),
  /** `host:port` of internal APIs, as last heard of. */
  servers: v.array(v.string()),
  /** `host:port` of its own, where it last was sure to be the only one with this identity; empty: nowhere yet. */
  internal: text,
});
export type Membership = v.InferOutput<typeof MembershipSchema>;

export function clusterFolder(dataDir: string): string {
  return `${dataDir}/cluster`;
}

function fileIn(folder: string): string {
  return `${folder}/member.json`;
}

/** Undefined: this node belongs to no cluster. Rejects with a `CodedError` `membership` where the file is damaged. */
export async function readMembership(disk: Disk, dataDir: string): Promise<Membership | undefined> {
  const path = fileIn(clusterFolder(dataDir));
  const bytes = await disk.read(path);
  if (bytes === undefined) return undefined;
  const read = v.safeParse(MembershipSchema, jsonOf(textOf(bytes)));
  if (read.success) return read.output;
  throw new CodedError("membership", `${path} is damaged`, "restore it from a backup, or remove it and join again");
}

/** Beside it the authorities' certificates, for programs that ask the APIs over HTTPS. */
export async function writeMembership(disk: Disk, dataDir: string, membership: Membership): Promise<void> {
  const folder = clusterFolder(dataDir);
  await disk.makeDir(folder, { mode: 0o700 });
  await disk.replace(fileIn(folder), utf8(`${JSON.stringify(membership, undefined, 1)}\n`), { mode: 0o600 });
  await disk.replace(`${dataDir}/ca.pem`, utf8(membership.authorities), { mode: 0o644 });
}

/** What goes with a request for a certificate. `key`: PKCS #8 as PEM. */
export function proofOf(nodeId: string, key: string): { readonly publicKey: string; readonly proof: string } {
  const own = createPrivateKey(key);
  const publicKey = createPublicKey(own).export({ type: "spki", format: "pem" }).toString();
  return { publicKey, proof: sign("sha256", utf8(proofText(nodeId, publicKey)), own).toString("base64") };
}

/** Since when it has its certificate, and until when that is good, milliseconds since the epoch. */
export function lifeOf({ certificate, issuedMs }: Membership): { readonly fromMs: number; readonly toMs: number } {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  return { fromMs: issuedMs ?? validFromDate.getTime(), toMs: validToDate.getTime() };
}

/** Whether it names all of these IP addresses. */
export function isGoodFor({ certificate }: Pick<Membership, "certificate">, addresses: readonly string[]): boolean {
  const parsed = new X509Certificate(certificate);
  return addresses.every((each) => parsed.checkIP(each.replace(/%.*$/, "")) !== undefined);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
