import type { Env } from "#base/env/env.ts";
import type { Timer } from "#base/env/clock.ts";
import { adviceOf, CodedError } from "#base/env/errors.ts";
import type { Address, ListenTls } from "#base/env/net.ts";
import type { Exchange } from "#base/http/exchange.ts";
import type { Settings } from "../settings/settings.ts";
import { dohExchange } from "./doh-exchange.ts";
import { listenPlaces } from "./listen-addresses.ts";
import { listenStreams } from "./stream-listener.ts";
import { listenUdp, type Answering } from "./udp-listener.ts";

/** Addresses come and go: a virtual one moves here, a cable is plugged in. */
const LOOK_EVERY_MS = 2000;

interface Open {
  readonly address: Address;
  close(): Promise<unknown>;
}

export interface ListenersDeps {
  readonly env: Pick<Env, "net" | "clock" | "log">;
  readonly answering: Answering;
  readonly listenHttps: (at: Address, exchange: Exchange, tls: ListenTls) => Promise<Open>;
  /** Several processes share the ports. */
  readonly reusePort: boolean;
}

export interface ListenState {
  readonly listen: Settings["listen"];
  readonly maxConnections: number;
  readonly tls: ListenTls | undefined;
}

/** Sockets at every place the settings name, as far as they can be had; looked after until stopped. */
export class Listeners {
  readonly #deps: ListenersDeps;
  readonly #open = new Map<string, Open>();
  readonly #complained = new Map<string, string>();
  #state: ListenState;
  #timer: Timer | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(deps: ListenersDeps, state: ListenState) {
    this.#deps = deps;
    this.#state = state;
  }

  /** Where it listens, by way: `udp`, `tcp`, `dot`, `doh`. */
  addresses(way: string): readonly Address[] {
    return [...this.#open].filter(([key]) => key.startsWith(`${way} `)).map(([, { address }]) => address);
  }

  /** Why a place cannot be listened at, by place. */
  get problems(): ReadonlyMap<string, string> {
    return this.#complained;
  }

  async start(): Promise<void> {
    await this.look();
    this.#again();
  }

  use(state: ListenState): void {
    this.#state = state;
    void this.look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#last;
    await Promise.all([...this.#open.values()].map((open) => open.close()));
    this.#open.clear();
  }

  /** Opens what is missing, closes what is no longer wanted. */
  look(): Promise<void> {
    const next = this.#last.then(() => this.#look());
    this.#last = next;
    return next;
  }

  #again(): void {
    this.#timer = this.#deps.env.clock.after(LOOK_EVERY_MS, () => {
      void this.look().then(() => {
        if (!this.#isStopped) this.#again();
      });
    });
  }

  async #look(): Promise<void> {
    if (this.#isStopped) return;
    const wanted = this.#wanted();
    for (const [key, open] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      await open.close();
    }
    for (const key of this.#complained.keys()) if (!wanted.has(key)) this.#complained.delete(key);
    for (const [key, listen] of wanted) {
      if (this.#open.has(key)) continue;
      try {
        this.#open.set(key, await listen());
        this.#complained.delete(key);
      } catch (thrown) {
        const message = `${adviceOf(thrown)}${remedyOf(thrown)}`;
        if (this.#complained.get(key) !== message) this.#deps.env.log.warn(`${key}: ${message}; it is tried again`);
        this.#complained.set(key, message);
      }
    }
  }

  #wanted(): ReadonlyMap<string, () => Promise<Open>> {
    const { env, answering, listenHttps, reusePort } = this.#deps;
    const { listen, tls } = this.#state;
    const interfaces = env.net.interfaces();
    const wanted = new Map<string, () => Promise<Open>>();
    const maxConnections = (): number => this.#state.maxConnections;
    for (const at of listenPlaces(listen.addresses, 53, interfaces)) {
      wanted.set(`tcp ${at.host} ${at.port}`, () =>
        listenStreams(env, at, { ...answering, maxConnections, reusePort }),
      );
      // With port 0, UDP takes the port TCP got.
      wanted.set(`udp ${at.host} ${at.port}`, () => {
        const tcp = this.#open.get(`tcp ${at.host} ${at.port}`);
        return listenUdp(
          env,
          { host: at.host, port: at.port === 0 ? (tcp?.address.port ?? 0) : at.port },
          { ...answering, reusePort },
        );
      });
    }
    if (tls === undefined) return wanted;
    const dot = { ...tls, protocols: ["dot"] };
    for (const at of listenPlaces(listen.tls, 853, interfaces))
      wanted.set(`dot ${at.host} ${at.port}`, () =>
        listenStreams(env, at, { ...answering, maxConnections, reusePort, tls: dot }),
      );
    for (const at of listenPlaces(listen.https, 443, interfaces))
      wanted.set(`doh ${at.host} ${at.port}`, () => listenHttps(at, dohExchange(answering), tls));
    return wanted;
  }
}

/** What the hint of a taken port leaves to say. */
function remedyOf(thrown: unknown): string {
  const isTaken = thrown instanceof CodedError && thrown.code === "EADDRINUSE";
  return isTaken ? "; stop that program, or name the addresses to listen at in the settings (listen.addresses)" : "";
}
