/** Clients of the RPC port at one time. */
export const MAX_CLIENTS = 64;
/** Longest request, bytes: header and body. */
export const MAX_REQUEST_BYTES = 1024 * 1024;
/** Event streams of one client. */
export const MAX_STREAMS = 64;
/** Queries of one client that it may still answer. */
export const MAX_PENDING_QUERIES = 1024;
/** Records that wait for a slow client; more are dropped. */
export const MAX_UNSENT = 512;
