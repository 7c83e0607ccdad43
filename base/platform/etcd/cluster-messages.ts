import type { Buffer } from "node:buffer";
import { ProtoReader } from "./protobuf.ts";

/** A member of etcd's own cluster. */
export interface EtcdMember {
  readonly id: bigint;
  /** Empty until it has started once. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Empty until it has started once. */
  readonly clientUrls: readonly string[];
  /** It gets everything and votes on nothing. */
  readonly isLearner: boolean;
}

/** From any answer of the Cluster service: the members after the call. Their field is 2 in a list, 3 beside a new member. */
export function decodeMembers(bytes: Buffer, field: number): EtcdMember[] {
  const reader = new ProtoReader(bytes);
  const members: EtcdMember[] = [];
  for (let at = reader.next(); at !== 0; at = reader.next()) {
    if (at === field) members.push(readMember(reader.message()));
    else reader.skip();
  }
  return members;
}

/** Beside the members in the answer to an addition. */
export function decodeAdded(bytes: Buffer): EtcdMember | undefined {
  return decodeMembers(bytes, 2)[0];
}

function readMember(reader: ProtoReader): EtcdMember {
  let id = 0n;
  let name = "";
  const peerUrls: string[] = [];
  const clientUrls: string[] = [];
  let isLearner = false;
  for (let at = reader.next(); at !== 0; at = reader.next()) {
    if (at === 1) id = reader.uint64();
    else if (at === 2) name = reader.text();
    else if (at === 3) peerUrls.push(reader.text());
    else if (at === 4) clientUrls.push(reader.text());
    else if (at === 5) isLearner = reader.bool();
    else reader.skip();
  }
  return { id, name, peerUrls, clientUrls, isLearner };
}

/** Alarms that are raised: the members' ids by kind. */
export function decodeAlarms(bytes: Buffer): { readonly memberId: bigint; readonly kind: "no_space" | "corrupt" }[] {
  const reader = new ProtoReader(bytes);
  const alarms: { memberId: bigint; kind: "no_space" | "corrupt" }[] = [];
  for (let at = reader.next(); at !== 0; at = reader.next()) {
    if (at !== 2) {
      reader.skip();
      continue;
    }
    const alarm = reader.message();
    let memberId = 0n;
    let kind = 0;
    for (let field = alarm.next(); field !== 0; field = alarm.next()) {
      if (field === 1) memberId = alarm.uint64();
      else if (field === 2) kind = alarm.uint();
      else alarm.skip();
    }
    if (kind === 1) alarms.push({ memberId, kind: "no_space" });
    else if (kind === 2) alarms.push({ memberId, kind: "corrupt" });
  }
  return alarms;
}
