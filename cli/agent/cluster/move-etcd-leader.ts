import type { EtcdTlsSource } from "#base/platform/etcd/grpc-connection.ts";
import { serves, withAdmin, type SeenMember } from "./seen-members.ts";

/** Has another member lead etcd, where this one does and is about to be gone for a while: writes would wait for an election. */
export async function moveEtcdLeader(
  from: SeenMember,
  seen: readonly SeenMember[],
  tls: EtcdTlsSource | undefined,
): Promise<void> {
  const { member, status } = from;
  if (status?.leaderId !== member.id) return;
  const target = seen.find((one) => one.member.id !== member.id && !one.member.isLearner && serves(one));
  if (target === undefined) return;
  await withAdmin({ endpoints: member.clientUrls, tls }, (admin) => admin.moveLeader(target.member.id));
}
