/** How a question was answered. The names are stable: they are stored. */
export const QUERY_STATUS = {
  /** From names of the house: local records, leases, `.consul`. */
  local: 0,
  /** By another server. */
  forwarded: 1,
  /** From the cache, fresh. */
  cached: 2,
  /** From the cache, past its time, because no server answered in time (RFC 8767). */
  stale: 3,
  /** Blocked by a name in a list. */
  blockedList: 4,
  /** Blocked by an exact rule. */
  blockedRule: 5,
  /** Blocked by a regular expression. */
  blockedRegex: 6,
  /** An alias pointed at a blocked name; the list or rule is the one of that name. */
  blockedCname: 7,
  /** A name that is special by itself: canary domains, private relays. */
  blockedSpecial: 8,
  /** A preset of a service, or a schedule. */
  blockedService: 9,
  /** The upstream answered with an address that means blocked. */
  blockedUpstream: 10,
  /** Answered with another name's addresses: safe search. */
  rewritten: 11,
  /** The client asks too much; answered REFUSED. */
  rateLimited: 12,
  /** No server gave an answer: SERVFAIL. */
  failed: 13,
  /** What this server does not do: zone transfers, other classes. */
  refused: 14,
} as const;

export type QueryStatus = (typeof QUERY_STATUS)[keyof typeof QUERY_STATUS];

export function isBlocked(status: number): boolean {
  return status >= QUERY_STATUS.blockedList && status <= QUERY_STATUS.blockedUpstream;
}

export const REPLY_KIND = {
  none: 0,
  nodata: 1,
  nxdomain: 2,
  cname: 3,
  ip: 4,
  servfail: 5,
  refused: 6,
  notimp: 7,
  other: 8,
} as const;

export type ReplyKind = (typeof REPLY_KIND)[keyof typeof REPLY_KIND];

export type QueryTransport = "udp" | "tcp" | "dot" | "doh";

/**
 * One answered question. The same object is filled anew for every question: whoever wants to keep one copies what it
 * needs before it returns.
 */
export interface QueryRecord {
  /** Wall clock, ms since the epoch, of the answer. */
  timeMs: number;
  /** Text form of the client's address. One string object per client, so that maps by it are cheap. */
  client: string;
  /** Lower case, dotted, no dot at the end; the root is ".". */
  name: string;
  /** Of `name`, so that who counts it need not look at its text; undefined: nobody computed it. */
  nameHash?: number;
  /** RR type asked. */
  type: number;
  status: QueryStatus;
  reply: ReplyKind;
  rcode: number;
  /** Id of the list or rule that decided; 0: none did. */
  ruleId: number;
  /** Server that answered, as it is written in the settings; empty: none was asked. */
  upstream: string;
  /** From the question to the answer, ms; fractional. 0 where it was answered within its turn. */
  durationMs: number;
  transport: QueryTransport;
  /** The answer was validated: AD was set by the upstream. */
  authentic: boolean;
}

/** Called once per answer, within the turn that answers: must be quick, must not throw, must not await. */
export type QueryObserver = (record: QueryRecord) => void;
