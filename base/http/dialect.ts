/** What differs between the APIs served by the kit: header names, where the token is, how long queries block. */
export interface Dialect {
  readonly name: "nomad" | "consul" | "vault";
  readonly indexHeader: string;
  readonly knownLeaderHeader: string;
  readonly lastContactHeader: string;
  readonly nextTokenHeader: string;
  readonly consistencyHeader: string | undefined;
  readonly contentHashHeader: string | undefined;
  readonly tokenHeader: string;
  /** Whether `?token=` is read too. */
  readonly tokenInQuery: boolean;
  /** Of a blocking query without `wait`, and the most it may ask for. */
  readonly defaultWaitMs: number;
  readonly maxWaitMs: number;
}

/** https://developer.hashicorp.com/nomad/api-docs */
export const nomadDialect: Dialect = {
  name: "nomad",
  indexHeader: "X-Nomad-Index",
  knownLeaderHeader: "X-Nomad-KnownLeader",
  lastContactHeader: "X-Nomad-LastContact",
  nextTokenHeader: "X-Nomad-NextToken",
  consistencyHeader: undefined,
  contentHashHeader: undefined,
  tokenHeader: "x-nomad-token",
  tokenInQuery: false,
  defaultWaitMs: 300_000,
  maxWaitMs: 300_000,
};

/** https://developer.hashicorp.com/consul/api-docs/features/blocking and .../consistency */
export const consulDialect: Dialect = {
  name: "consul",
  indexHeader: "X-Consul-Index",
  knownLeaderHeader: "X-Consul-KnownLeader",
  lastContactHeader: "X-Consul-LastContact",
  nextTokenHeader: "X-Consul-NextToken",
  consistencyHeader: "X-Consul-Effective-Consistency",
  contentHashHeader: "X-Consul-ContentHash",
  tokenHeader: "x-consul-token",
  tokenInQuery: true,
  defaultWaitMs: 300_000,
  maxWaitMs: 600_000,
};

/** The token of a request: the API's own header, then `Authorization: Bearer`, then the query; empty when there is none. */
export function tokenOf(
  dialect: Dialect,
  headers: Readonly<Record<string, string>>,
  query: ReadonlyMap<string, readonly string[]>,
): string {
  const own = headers[dialect.tokenHeader];
  if (own !== undefined && own !== "") return own.trim();
  const bearer = /^Bearer +(\S+)\s*$/i.exec(headers["authorization"] ?? "")?.[1];
  if (bearer !== undefined) return bearer;
  return dialect.tokenInQuery ? (query.get("token")?.[0] ?? "") : "";
}
