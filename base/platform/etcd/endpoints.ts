import type { Buffer } from "node:buffer";
import { EtcdError } from "#base/state/etcd/api.ts";
import { GrpcConnection, type EtcdTlsSource, type GrpcStream, type StreamHandlers } from "./grpc-connection.ts";
import { lost } from "./grpc-status.ts";

/** A member that failed is passed over for this long at first, and for twice as long each further time. */
const FIRST_REST_MS = 100;
const LONGEST_REST_MS = 5000;

interface Member {
  readonly endpoint: string;
  connection: GrpcConnection | undefined;
  restMs: number;
  /** On `performance.now()`'s clock. */
  restsUntil: number;
}

/** The members of one etcd, in order of preference: the first that is well gets everything. */
export class Endpoints {
  readonly #tls: EtcdTlsSource | undefined;
  #members: Member[];
  #isClosed = false;

  constructor(endpoints: readonly string[], tls: EtcdTlsSource | undefined) {
    this.#tls = tls;
    this.#members = endpoints.map(fresh);
  }

  get list(): readonly string[] {
    return this.#members.map(({ endpoint }) => endpoint);
  }

  /** Takes over another list; calls to a member that is no longer in it go on. */
  update(endpoints: readonly string[]): void {
    const known = new Map(this.#members.map((member) => [member.endpoint, member]));
    this.#members = endpoints.map((endpoint) => known.get(endpoint) ?? fresh(endpoint));
    const kept = new Set(this.#members);
    for (const member of known.values()) if (!kept.has(member)) member.connection?.destroy("no longer a member");
  }

  async unary(path: string, message: Uint8Array, timeoutMs: number): Promise<Buffer> {
    const { member, connection } = this.#pick();
    try {
      const answer = await connection.unary(path, message, timeoutMs);
      member.restMs = FIRST_REST_MS;
      return answer;
    } catch (thrown) {
      if (thrown instanceof EtcdError && thrown.kind === "unavailable") this.#rest(member);
      throw thrown;
    }
  }

  stream(path: string, handlers: StreamHandlers): GrpcStream {
    const { member, connection } = this.#pick();
    return connection.stream(path, {
      onMessage: handlers.onMessage,
      onEnd: (error) => {
        this.#rest(member);
        handlers.onEnd(error);
      },
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const { connection } of this.#members) connection?.destroy("closed");
  }

  #pick(): { readonly member: Member; readonly connection: GrpcConnection } {
    if (this.#isClosed) throw lost("the connection to etcd is closed");
    const now = performance.now();
    const [first] = this.#members;
    if (first === undefined) throw lost("no etcd member is known");
    let member = first;
    for (const one of this.#members) {
      if (one.restsUntil <= now) {
        member = one;
        break;
      }
      if (one.restsUntil < member.restsUntil) member = one;
    }
    if (member.connection === undefined || member.connection.isDead)
      member.connection = new GrpcConnection(member.endpoint, this.#tls);
    return { member, connection: member.connection };
  }

  #rest(member: Member): void {
    const now = performance.now();
    if (member.restsUntil > now) return;
    member.restsUntil = now + member.restMs;
    member.restMs = Math.min(member.restMs * 2, LONGEST_REST_MS);
  }
}

function fresh(endpoint: string): Member {
  return { endpoint, connection: undefined, restMs: FIRST_REST_MS, restsUntil: 0 };
}
