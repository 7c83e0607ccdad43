import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { HttpTransportError, type HttpRequestOptions, type HttpResponse } from "#base/env/http-client.ts";
import type { TlsOptions } from "#base/env/net.ts";
import { PING_PATH, PingSchema, type Ping } from "./calls.ts";
import { SERVER_NAME } from "./names.ts";

/** A server is asked this often whether it is there, and counts as gone when it takes longer than that to answer. */
const PING_EVERY_MS = 1500;
const PING_TIMEOUT_MS = 2000;
/** After all servers were tried in vain. */
const PAUSE_MS = 500;
const MAX_PING_BYTES = 64 * 1024;
/** Said once above this; certificates and times of checks suffer. */
const SKEW_MS = 60_000;

export interface ServerSetDeps {
  readonly env: Env;
  /** `host:port` of internal APIs, known at the start. */
  readonly servers: readonly string[];
  /** Its own certificate and whom it trusts, as they are now. */
  readonly tls: () => TlsOptions;
  /** Called with what each ping that was answered said. */
  readonly onPing: (ping: Ping) => void;
}

export interface ServerCall extends Pick<HttpRequestOptions, "method" | "headers" | "body" | "signal"> {
  /** With its query. */
  readonly path: string;
  /** Until the answer begins. 0: as long as the server lives. */
  readonly timeoutMs: number;
  /** May be asked of another server when the first went away in the middle. */
  readonly repeatable: boolean;
}

interface Chosen {
  readonly address: string;
  /** Aborts when the server does not answer pings any more. */
  readonly lost: AbortController;
}

/**
 * The servers a node follows: it asks one, until that one goes away or falls silent, and then the next. What waits for an
 * answer meanwhile is asked there again.
 */
export class ServerSet {
  readonly #deps: ServerSetDeps;
  readonly #end = new AbortController();
  #servers: readonly string[];
  #chosen: Chosen | undefined;
  #next = 0;
  #saidSkew = false;

  constructor(deps: ServerSetDeps) {
    this.#deps = deps;
    this.#servers = [...new Set(deps.servers)];
    this.#next = Math.floor(deps.env.random.float() * this.#servers.length);
  }

  /** `host:port` of all that are known. */
  get servers(): readonly string[] {
    return this.#servers;
  }

  /** The one that answers now; undefined: none did when last asked. */
  get current(): string | undefined {
    return this.#chosen?.address;
  }

  start(): void {
    void this.#keepAsking();
  }

  stop(): void {
    this.#end.abort();
    this.#chosen?.lost.abort();
  }

  /** URL and TLS for whatever is asked of a server by other means. Rejects when none answers. */
  async place(): Promise<{ readonly origin: string; readonly tls: TlsOptions; readonly lost: AbortSignal }> {
    const { address, lost } = this.#chosen ?? this.#choose(undefined);
    return { origin: `https://${address}`, tls: this.#tls(), lost: lost.signal };
  }

  /** Rejects with a `CodedError` `no_server` when none answers, or `ABORTED` with the caller's signal. */
  async request(call: ServerCall): Promise<HttpResponse> {
    let problem = "none is known";
    for (let tries = 0; tries <= this.#servers.length; tries += 1) {
      const chosen = this.#chosen ?? this.#choose(undefined);
      try {
        return await this.#ask(chosen, call);
      } catch (thrown) {
        if (call.signal?.aborted === true || this.#end.signal.aborted) throw thrown;
        problem = messageOf(thrown);
        const begun = !isRefused(thrown);
        // A call that took too long says nothing of the server: pings do.
        if (thrown instanceof HttpTransportError && thrown.code === "ETIMEDOUT" && !chosen.lost.signal.aborted)
          throw thrown;
        this.#drop(chosen);
        if (begun && !call.repeatable) throw thrown;
      }
    }
    throw new CodedError(
      "no_server",
      `no server can be reached: ${problem}`,
      "are the servers up, and is port 4647 open?",
    );
  }

  async #ask({ address, lost }: Chosen, call: ServerCall): Promise<HttpResponse> {
    const { path, signal, timeoutMs, method = "GET", headers, body } = call;
    return this.#deps.env.http.request({
      url: `https://${address}${path}`,
      method,
      timeoutMs,
      signal: signal === undefined ? lost.signal : AbortSignal.any([signal, lost.signal]),
      tls: this.#tls(),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    });
  }

  #tls(): TlsOptions {
    return { ...this.#deps.tls(), serverName: SERVER_NAME };
  }

  /** The next one, whether it is there or not. */
  #choose(after: Chosen | undefined): Chosen {
    if (after !== undefined && this.#chosen !== undefined && this.#chosen !== after) return this.#chosen;
    const address = this.#servers[this.#next % Math.max(1, this.#servers.length)];
    if (address === undefined)
      throw new CodedError("no_server", "no server is known", 'set client { servers = ["HOST:4647"] }');
    this.#next += 1;
    this.#chosen = { address, lost: new AbortController() };
    return this.#chosen;
  }

  /** It went away: whoever waits for it asks another. */
  #drop(chosen: Chosen): void {
    if (this.#chosen === chosen) this.#chosen = undefined;
    chosen.lost.abort();
  }

  async #keepAsking(): Promise<void> {
    const { env } = this.#deps;
    const { signal } = this.#end;
    let failures = 0;
    while (!signal.aborted) {
      const chosen = this.#chosen ?? this.#choose(undefined);
      try {
        this.#heard(await this.#ping(chosen));
        if (failures > 0) env.log.info("a server answers again", { server: chosen.address });
        failures = 0;
        await sleep(env.clock, PING_EVERY_MS, AbortSignal.any([signal, chosen.lost.signal]));
      } catch (thrown) {
        if (signal.aborted) return;
        failures += 1;
        const trouble = { server: chosen.address, error: messageOf(thrown) };
        if (failures <= this.#servers.length) env.log.warn("a server does not answer", trouble);
        this.#drop(chosen);
        if (failures % Math.max(1, this.#servers.length) === 0) await sleep(env.clock, PAUSE_MS, signal);
      }
    }
  }

  async #ping(chosen: Chosen): Promise<Ping> {
    const response = await this.#ask(chosen, { path: PING_PATH, timeoutMs: PING_TIMEOUT_MS, repeatable: false });
    const text = await response.text(MAX_PING_BYTES);
    if (response.status !== 200) throw new CodedError("refused", `${chosen.address} refuses this node: ${text.trim()}`);
    return v.parse(PingSchema, JSON.parse(text));
  }

  #heard(ping: Ping): void {
    const { env, onPing } = this.#deps;
    const news = ping.servers.filter((each) => each !== "");
    // Servers that were configured stay: those that tell of others may be a partition of their own.
    this.#servers = [...new Set([...news, ...this.#deps.servers])];
    const offMs = env.clock.nowMs() - ping.nowMs;
    if (Math.abs(offMs) > SKEW_MS && !this.#saidSkew)
      env.log.error("this machine's clock and the servers' differ; set them right (chronyc makestep)", { offMs });
    this.#saidSkew = Math.abs(offMs) > SKEW_MS;
    onPing(ping);
  }
}

/** Nothing was sent yet. */
function isRefused(thrown: unknown): boolean {
  if (!(thrown instanceof HttpTransportError)) return false;
  return ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL"].includes(thrown.code);
}
