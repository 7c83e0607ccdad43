/** What is asked by HTTP-01, with the token behind it (RFC 8555 section 8.3). */
export const CHALLENGE_PATH = "/.well-known/acme-challenge/";
