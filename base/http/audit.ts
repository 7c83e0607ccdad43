import type { Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import type { Requester } from "./access.ts";
import type { ExchangeRequest, ExchangeResponse } from "./exchange.ts";
import type { RouteRequest } from "./route.ts";

export const AUDIT_STAGES = ["OperationReceived", "OperationComplete"] as const;
export type AuditStage = (typeof AUDIT_STAGES)[number];

/** One line of the audit log. https://developer.hashicorp.com/nomad/docs/configuration/audit#audit-log-format */
export interface AuditEvent {
  readonly created_at: string;
  readonly event_type: "audit";
  readonly payload: {
    /** The same in both stages of a request. */
    readonly id: string;
    readonly stage: AuditStage;
    readonly type: "audit";
    readonly timestamp: string;
    readonly version: 1;
    readonly auth: {
      readonly accessor_id: string;
      readonly name: string;
      readonly global: boolean;
      readonly create_time: string;
    };
    readonly request: {
      readonly id: string;
      readonly operation: string;
      /** The path, and of the query only what says what was meant. */
      readonly endpoint: string;
      /** Which API it came to. */
      readonly api: string;
      /** What is changed, where the path does not name it. */
      readonly target?: string;
      readonly namespace: { readonly id: string };
      readonly request_meta: { readonly remote_address: string; readonly user_agent: string };
    };
    readonly response?: { readonly status_code: number };
  };
}

/** Takes every event, in order. Rejects when one was not written and none may be missing: the request fails then. */
export interface AuditLog {
  record(event: AuditEvent): Promise<void>;
}

export interface Audited {
  readonly api: string;
  readonly env: { readonly clock: Clock; readonly random: Random };
  readonly log: AuditLog;
  readonly exchange: Pick<ExchangeRequest, "headers" | "remote">;
  readonly request: RouteRequest;
  /** Undefined: the path says it all. */
  readonly target: () => string | undefined;
}

/** Requests that only read are not audited. */
const READS: readonly string[] = ["GET", "HEAD", "OPTIONS", "LIST"];

export function isAudited(method: string): boolean {
  return !READS.includes(method);
}

/**
 * Carries out a request between two entries of the log. `check` finds out whose it is, `act` does it; neither may reject.
 * What is in bodies, headers and tokens stays out of the log, and so do error texts, which quote them.
 */
export async function audited(
  about: Audited,
  check: () => Promise<ExchangeResponse | undefined>,
  act: () => Promise<ExchangeResponse>,
): Promise<ExchangeResponse> {
  const id = about.env.random.uuid();
  const timestamp = isoTime(about.env.clock);
  const refused = await check();
  await about.log.record(eventOf(about, { id, timestamp, stage: "OperationReceived" }));
  const response = refused ?? (await act());
  await about.log.record(eventOf(about, { id, timestamp, stage: "OperationComplete", status: response.status }));
  return response;
}

interface Moment {
  readonly id: string;
  readonly timestamp: string;
  readonly stage: AuditStage;
  readonly status?: number;
}

function eventOf(about: Audited, { id, timestamp, stage, status }: Moment): AuditEvent {
  const { request, exchange } = about;
  const target = about.target();
  return {
    created_at: isoTime(about.env.clock),
    event_type: "audit",
    payload: {
      id,
      stage,
      type: "audit",
      timestamp,
      version: 1,
      auth: authOf(request.access.requester),
      request: {
        id,
        operation: request.method,
        endpoint: endpointOf(request),
        api: about.api,
        ...(target === undefined ? {} : { target }),
        namespace: { id: request.rawQuery.get("namespace")?.[0] ?? "default" },
        request_meta: {
          remote_address: remoteOf(exchange.remote),
          user_agent: exchange.headers["user-agent"]?.slice(0, MAX_AGENT_LENGTH) ?? "",
        },
      },
      ...(status === undefined ? {} : { response: { status_code: status } }),
    },
  };
}

const MAX_AGENT_LENGTH = 256;
/** Parameters that change what a request does and hold nothing secret. */
const TOLD: readonly string[] = [
  "namespace",
  "region",
  "dc",
  "cas",
  "recurse",
  "purge",
  "full",
  "force",
  "enable",
  "flags",
  "lock-acquire",
  "lock-renew",
  "lock-release",
  "publish_time",
];

function endpointOf({ path, rawQuery }: RouteRequest): string {
  const told = TOLD.filter((name) => rawQuery.has(name));
  if (told.length === 0) return path;
  const query = told.map((name) => `${name}=${encodeURIComponent(rawQuery.get(name)?.[0] ?? "")}`);
  return `${path}?${query.join("&")}`;
}

function authOf({ accessorId, name, global, createTime }: Requester): AuditEvent["payload"]["auth"] {
  if (accessorId === "" && name === "") return ANONYMOUS;
  return { accessor_id: accessorId, name, global, create_time: createTime };
}

const ANONYMOUS = { accessor_id: "anonymous", name: "Anonymous Token", global: false, create_time: "" };

/** Empty host: a Unix socket. */
function remoteOf({ host, port }: ExchangeRequest["remote"]): string {
  return host === "" ? "unix" : host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function isoTime(clock: Clock): string {
  return new Date(clock.nowMs()).toISOString();
}
