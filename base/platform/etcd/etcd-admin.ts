import { decodeAdded, decodeAlarms, decodeMembers, type EtcdMember } from "./cluster-messages.ts";
import { Endpoints } from "./endpoints.ts";
import type { EtcdTlsSource } from "./grpc-connection.ts";
import { decodeStatus, type MemberStatus } from "./maintenance-messages.ts";
import { ProtoWriter } from "./protobuf.ts";

const CALL_MS = 5000;
/** A defragmentation stops the member for as long as it takes to write its database anew. */
const DEFRAGMENT_MS = 120_000;
const NOTHING = new Uint8Array(0);

export interface EtcdAdminOptions {
  readonly endpoints: readonly string[];
  readonly tls: EtcdTlsSource | undefined;
}

/** Looks after etcd's members, over its Cluster and Maintenance services. Calls reject with an `EtcdError`. */
export class EtcdAdmin {
  readonly #endpoints: Endpoints;

  constructor({ endpoints, tls }: EtcdAdminOptions) {
    this.#endpoints = new Endpoints(endpoints, tls);
  }

  async members(): Promise<EtcdMember[]> {
    return decodeMembers(await this.#endpoints.unary("/etcdserverpb.Cluster/MemberList", NOTHING, CALL_MS), 2);
  }

  /** As a learner: it counts for no majority until it is promoted. */
  async addLearner(peerUrl: string): Promise<EtcdMember> {
    const message = new ProtoWriter().text(1, peerUrl).bool(2, true).finish();
    const added = decodeAdded(await this.#endpoints.unary("/etcdserverpb.Cluster/MemberAdd", message, CALL_MS));
    if (added === undefined) throw new TypeError("etcd added a member and did not say which");
    return added;
  }

  /** Refused (`invalid`) until the learner has caught up. */
  async promote(id: bigint): Promise<void> {
    await this.#endpoints.unary("/etcdserverpb.Cluster/MemberPromote", idMessage(id), CALL_MS);
  }

  async remove(id: bigint): Promise<void> {
    await this.#endpoints.unary("/etcdserverpb.Cluster/MemberRemove", idMessage(id), CALL_MS);
  }

  async updatePeer(id: bigint, peerUrl: string): Promise<void> {
    const message = new ProtoWriter().uint64(1, id).text(2, peerUrl).finish();
    await this.#endpoints.unary("/etcdserverpb.Cluster/MemberUpdate", message, CALL_MS);
  }

  /** Of the member that answers. */
  async status(timeoutMs = CALL_MS): Promise<MemberStatus> {
    return decodeStatus(await this.#endpoints.unary("/etcdserverpb.Maintenance/Status", NOTHING, timeoutMs));
  }

  /** Of the member that answers, which serves nobody meanwhile. */
  async defragment(): Promise<void> {
    await this.#endpoints.unary("/etcdserverpb.Maintenance/Defragment", NOTHING, DEFRAGMENT_MS);
  }

  /** Lets another member lead etcd itself; only its leader takes the call. */
  async moveLeader(target: bigint): Promise<void> {
    await this.#endpoints.unary("/etcdserverpb.Maintenance/MoveLeader", idMessage(target), CALL_MS);
  }

  async alarms(): Promise<ReturnType<typeof decodeAlarms>> {
    return decodeAlarms(await this.#endpoints.unary("/etcdserverpb.Maintenance/Alarm", NOTHING, CALL_MS));
  }

  async disarm(memberId: bigint): Promise<void> {
    const message = new ProtoWriter().uint(1, 2).uint64(2, memberId).uint(3, 1).finish();
    await this.#endpoints.unary("/etcdserverpb.Maintenance/Alarm", message, CALL_MS);
  }

  close(): void {
    this.#endpoints.close();
  }
}

function idMessage(id: bigint): Uint8Array {
  return new ProtoWriter().uint64(1, id).finish();
}
