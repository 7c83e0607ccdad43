/** By the code of Node's or OpenSSL's error (https://nodejs.org/api/tls.html#x509-certificate-error-codes). */
const THEIRS: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by none of the authorities in ca_file",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is signed by none of the authorities in ca_file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is signed by none of the authorities in ca_file",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by none of the authorities in ca_file",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by none of the authorities in ca_file",
  CERT_SIGNATURE_FAILURE: "its certificate is signed by none of the authorities in ca_file",
  CERT_HAS_EXPIRED: "its certificate has ended: renew it there, or set the clocks right",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: set the clocks right",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for other names: server_name says for which",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS: is its URL one of http?",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS: is its URL one of http?",
};

/** Alerts by which the other side ends a connection for what it was shown. */
const REFUSED =
  /ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED)/;

/** What a failed connection says of certificates, in words that tell what to look at; undefined: it failed otherwise. */
export function tlsTrouble(thrown: unknown, isInHandshake: boolean): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth += 1) {
    const code = "code" in error ? String(error.code) : "";
    const known = THEIRS[code];
    if (known !== undefined) return `${known} (${error.message})`;
    const isCut = isInHandshake && error.message.includes("ECONNRESET");
    if (isCut || error.message.startsWith("Client network socket disconnected before secure TLS"))
      return "it ended the connection before certificates were exchanged: does it speak TLS?";
    if (REFUSED.test(code)) return `it refuses the certificate in cert_file, or wants one (${lastOf(error.message)})`;
  }
  return undefined;
}

/** OpenSSL's errors carry threads, files and lines before and after their words. */
function lastOf(message: string): string {
  const alert = /:((?:tls|ssl)[^:]*alert[^:]*):/i.exec(message);
  return alert?.[1] ?? message.trim();
}
