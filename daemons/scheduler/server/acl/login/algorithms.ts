/** Signatures that outsiders may use: all with public keys (RFC 7518 section 3.1, RFC 8037). */
export const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
  "Ed25519",
] as const;

/** What is taken where an auth method names none. */
export const DEFAULT_ALGORITHMS: readonly string[] = ["RS256"];
