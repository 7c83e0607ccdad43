/** Events and queries remembered to tell news from repetition, in slots of the Lamport time (Serf's 512). */
export const SEEN_SLOTS = 512;
/** Different ones of one Lamport time. */
export const MAX_PER_SLOT = 64;
/** Longest name and payload of an event together, bytes: the default, and what it may be set to (Serf's figures). */
export const EVENT_BYTES = 512;
export const MAX_EVENT_BYTES = 9 * 1024;
/** Longest query and longest answer as they go over the wire, bytes. */
export const QUERY_BYTES = 1024;
export const QUERY_RESPONSE_BYTES = 1024;
/** Queries of this node that wait for answers at one time. */
export const MAX_OPEN_QUERIES = 256;
/** Answers taken in for one query. */
export const MAX_ANSWERS = 16_384;
/** Messages waiting to be spread, of each kind; the oldest go first. */
export const MAX_QUEUED = 4096;
/** Word of joins and leaves of nodes that are not known yet. */
export const MAX_INTENTS = 4096;
/** Members in the table, those that left and failed included. */
export const MAX_MEMBERS = 16_384;
/** Members a query names. */
export const MAX_FILTERS = 64;
/** Tags of a node as bytes on the wire, memberlist's limit of metadata. */
export const MAX_TAG_BYTES = 512;
/** Peers whose coordinates are kept. */
export const MAX_COORDINATES = 16_384;
/** Longest time a query may ask to be remembered for. */
export const MAX_QUERY_MS = 10 * 60_000;
