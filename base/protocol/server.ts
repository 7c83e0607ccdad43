import * as v from "valibot";
import { text } from "./schema.ts";

/** A server of the cluster: what the others need to reach it. Addresses as `host:port`; empty: it serves none. */
export const ServerSchema = v.object({
  /** Of its node. */
  ID: v.string(),
  /** Of its node: its name in gossip. */
  Name: v.string(),
  /** Nomad's API. */
  HTTP: text,
  /** Consul's API. */
  Consul: text,
  /** The internal API between nodes. */
  RPC: text,
  /** IP that the others know it by. */
  Address: text,
  /** Of the program. */
  Version: text,
  /** Its etcd member's URLs, where it runs one. */
  EtcdClient: text,
  EtcdPeer: text,
  /** By table: the version of its rows' shape that this server knows, where it is not the first. */
  Shapes: v.optional(v.record(v.string(), v.number())),
  /** Ids of the authorities that its running etcd trusts, sorted, with commas; absent: those are no matter. */
  EtcdTrusts: v.optional(v.string()),
  /** By so many minutes its clock is ahead of the leader's (below 0: behind); absent: they are as good as the same. */
  ClockAhead: v.optional(v.number()),
});
export type Server = v.InferOutput<typeof ServerSchema>;
