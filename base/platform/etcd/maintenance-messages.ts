import type { Buffer } from "node:buffer";
import { ProtoReader } from "./protobuf.ts";

/** How one member is, from its Maintenance service. */
export interface MemberStatus {
  readonly memberId: bigint;
  readonly version: string;
  readonly dbBytes: number;
  readonly dbBytesInUse: number;
  /** 0: it knows none. */
  readonly leaderId: bigint;
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly raftAppliedIndex: number;
  readonly isLearner: boolean;
  readonly errors: readonly string[];
}

export function decodeStatus(bytes: Buffer): MemberStatus {
  const reader = new ProtoReader(bytes);
  const status = {
    memberId: 0n,
    version: "",
    dbBytes: 0,
    dbBytesInUse: 0,
    leaderId: 0n,
    raftIndex: 0,
    raftTerm: 0,
    raftAppliedIndex: 0,
    isLearner: false,
  };
  const errors: string[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) status.memberId = readMemberId(reader.message());
    else if (field === 2) status.version = reader.text();
    else if (field === 3) status.dbBytes = reader.uint();
    else if (field === 4) status.leaderId = reader.uint64();
    else if (field === 5) status.raftIndex = reader.uint();
    else if (field === 6) status.raftTerm = reader.uint();
    else if (field === 7) status.raftAppliedIndex = reader.uint();
    else if (field === 8) errors.push(reader.text());
    else if (field === 9) status.dbBytesInUse = reader.uint();
    else if (field === 10) status.isLearner = reader.bool();
    else reader.skip();
  }
  return { ...status, errors };
}

function readMemberId(header: ProtoReader): bigint {
  for (let field = header.next(); field !== 0; field = header.next()) {
    if (field === 2) return header.uint64();
    header.skip();
  }
  return 0n;
}
