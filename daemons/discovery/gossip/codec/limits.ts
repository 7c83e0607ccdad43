/** Longest name of a member, bytes. memberlist knows no limit; Serf's is 128. */
export const MAX_NAME_BYTES = 255;
/** Longest metadata of a member, bytes (memberlist's). */
export const MAX_META_BYTES = 512;
/** Longest datagram that is looked at: IP carries no longer one. */
export const MAX_DATAGRAM_BYTES = 65_535;
/** What one datagram may unpack to. A full datagram of honest messages stays far below. */
export const MAX_INFLATED_DATAGRAM = 1024 * 1024;
/** What one stream may carry and unpack to (memberlist's 20 MiB for both of state and encrypted messages). */
export const MAX_STREAM_BYTES = 20 * 1024 * 1024;
/** Wrappers around a message: compression in a compound in compression, and so on. */
export const MAX_NESTING = 4;
/** Members in one exchange of state, and in the table of one node. */
export const MAX_MEMBERS = 16_384;
/** Parts of a compound: its count is one byte. */
export const MAX_COMPOUND_PARTS = 255;
/** Fields of one message; the longest that is known has eight. */
export const MAX_FIELDS = 64;
/** Maps and arrays inside a field that nobody asked for. */
export const MAX_SKIPPED_ITEMS = 4096;
/** Incarnations have 32 bits; an accusation at the highest could never be contradicted and is dropped. */
export const MAX_INCARNATION = 0xffff_ffff;
/** Probes of our own and for others that wait for an answer. */
export const MAX_PENDING_ACKS = 4096;
/** Streams that others opened, and that we opened, at a time (memberlist's limit of state exchanges). */
export const MAX_STREAMS = 128;
/** What all incoming streams together may hold. */
export const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
