import type { CheckStatus, NodeCheck } from "#base/protocol/catalog.ts";

/** How a check finds out. */
export type Probe =
  | { readonly kind: "ttl"; readonly ttlMs: number }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls: ProbeTls | undefined }
  | { readonly kind: "udp"; readonly host: string; readonly port: number }
  | { readonly kind: "h2ping"; readonly host: string; readonly port: number; readonly tls: ProbeTls | undefined }
  | {
      readonly kind: "grpc";
      readonly host: string;
      readonly port: number;
      /** Empty: the server as a whole. */
      readonly service: string;
      readonly tls: ProbeTls | undefined;
    }
  | { readonly kind: "docker"; readonly container: string; readonly argv: readonly string[] }
  | { readonly kind: "os_service"; readonly unit: string }
  | {
      readonly kind: "http";
      readonly url: string;
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly followRedirects: boolean;
      readonly verifyTls: boolean;
      readonly serverName: string;
    }
  | { readonly kind: "script"; readonly argv: readonly string[] }
  | { readonly kind: "alias"; readonly node: string; readonly serviceId: string }
  /** A figure of this machine. */
  | { readonly kind: "node"; readonly check: NodeCheck; readonly folder: string }
  /** Stays as it is until it is removed: maintenance mode. */
  | { readonly kind: "maintenance" };

/** How a probe speaks TLS. */
export interface ProbeTls {
  readonly verify: boolean;
  readonly serverName?: string;
}

export interface ProbeResult {
  readonly status: CheckStatus;
  readonly output: string;
}

export interface ProbeLimits {
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
  /** The check was removed: the result is not wanted any more. */
  readonly signal: AbortSignal;
}
