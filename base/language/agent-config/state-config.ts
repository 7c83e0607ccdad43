import { text, texts } from "#base/protocol/schema.ts";
import { settings, whole } from "./setting-schemas.ts";

const DAY_MS = 86_400_000;
const GIB = 1024 ** 3;

/** Where the servers keep the cluster's state. */
export const StateSchema = settings({
  /** So long all servers know a new shape of the state before it is stored. */
  migrateAfterMs: whole(600_000),
  etcd: settings({
    /** URLs of an etcd that somebody else runs, the nearest first; empty: the servers look after their own. */
    endpoints: texts,
    caFile: text,
    certFile: text,
    keyFile: text,
    /** On its members' certificates, where it is not their address. */
    serverName: text,
    /** A member of the servers' own that does not answer for so long is taken out. */
    deadMemberMs: whole(DAY_MS),
    /** What the database of such a member may grow to before it takes no more writes. */
    quotaBytes: whole(4 * GIB),
  }),
});
