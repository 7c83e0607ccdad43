import { TLSSocket, type SecureContextOptions, type SecureVersion, type TlsOptions } from "node:tls";
import type { Socket } from "node:net";
import type { PeerCertificate } from "#base/http/exchange.ts";

/** Certificates and keys as PEM. */
export interface ListenerTls {
  /** The server's own, those above it behind it. */
  readonly cert: string;
  readonly key: string;
  /** Certificates of clients are asked for and checked against these. */
  readonly clientCa?: string;
  /** `require` (default) ends the handshake of clients without a good one, `ask` leaves it to whoever answers. */
  readonly client?: "require" | "ask";
  /** Default TLS 1.2. */
  readonly minVersion?: SecureVersion;
  /** OpenSSL's or IANA's names, separated by colons or commas. Default: Node's. */
  readonly ciphers?: string;
}

/** What may change while a server runs. */
export function secureContext({ cert, key, clientCa, minVersion, ciphers }: ListenerTls): SecureContextOptions {
  return {
    cert,
    key,
    minVersion: minVersion ?? "TLSv1.2",
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    ...(ciphers === undefined || ciphers === "" ? {} : { ciphers: ciphers.replaceAll(",", ":") }),
  };
}

export function clientRule({ clientCa, client }: ListenerTls): Pick<TlsOptions, "requestCert" | "rejectUnauthorized"> {
  return clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: client !== "ask" };
}

/** What stands in the certificate the other end of a connection showed; undefined: none, or this is no TLS. */
export function peerCertificate(socket: Socket): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const shown = socket.getPeerX509Certificate();
  if (shown === undefined) return undefined;
  const alternatives = shown.subjectAltName?.split(", ") ?? [];
  return {
    // Typed as an error, and a text when it is there.
    problem: socket.authorized ? "" : String(socket.authorizationError),
    names: alternatives.flatMap((name) => (name.startsWith("DNS:") ? [name.slice(4)] : [])),
    serial: shown.serialNumber,
  };
}
