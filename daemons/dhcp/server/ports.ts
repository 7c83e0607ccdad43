import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { adviceOf } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import type { Lan, LanPort } from "#base/env/lan.ts";
import { isInside, parseIpv4, type Ipv4 } from "../packet/ipv4.ts";
import type { Settings } from "../settings/settings.ts";

const RETRY_MS = 2000;
const OWN_FOR_MS = 1000;

export type OnDatagram = (port: LanPort, data: Uint8Array, from: Address) => void;

/** A port that takes what is routed here, for subnets that only relays reach. */
const ANY = "";

/** One open port per interface that has a subnet. An interface that is not there yet is tried until it is. */
export class Ports {
  readonly #env: Env;
  readonly #lan: Lan;
  readonly #port: number;
  readonly #open = new Map<string, LanPort>();
  readonly #stopped = new AbortController();
  #own = new Map<string, Ipv4 | undefined>();
  #ownUntilMs = 0;

  constructor(deps: { readonly env: Env; readonly lan: Lan; readonly port: number }) {
    this.#env = deps.env;
    this.#lan = deps.lan;
    this.#port = deps.port;
  }

  get names(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** Resolves when each was tried once. */
  async start(settings: Pick<Settings, "subnets">, onDatagram: OnDatagram): Promise<void> {
    const names = new Set(settings.subnets.map((subnet) => subnet.interface ?? ANY));
    await Promise.all(
      Array.from(names, async (name) => {
        if (!(await this.#openPort(name, onDatagram))) void this.#keepTrying(name, onDatagram);
      }),
    );
  }

  /** This server's address on an interface: within the subnet, if it has several. */
  addressOn(name: string, settings: Pick<Settings, "subnets">): Ipv4 | undefined {
    const now = this.#env.clock.monotonicMs();
    if (now >= this.#ownUntilMs) {
      this.#own = new Map();
      this.#ownUntilMs = now + OWN_FOR_MS;
    }
    if (!this.#own.has(name)) this.#own.set(name, this.#addressOf(name, settings));
    return this.#own.get(name);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(Array.from(this.#open.values(), (port) => port.close()));
    this.#open.clear();
  }

  #addressOf(name: string, settings: Pick<Settings, "subnets">): Ipv4 | undefined {
    const own = this.#env.net.interfaces().flatMap((each) => {
      const ip =
        each.family === 4 && !each.internal && (name === ANY || each.name === name)
          ? parseIpv4(each.address)
          : undefined;
      return ip === undefined ? [] : [ip];
    });
    const subnets = settings.subnets.filter((subnet) => subnet.interface === name);
    return own.find((ip) => subnets.some(({ network }) => isInside(ip, network))) ?? own[0];
  }

  async #keepTrying(name: string, onDatagram: OnDatagram): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await sleep(this.#env.clock, RETRY_MS, this.#stopped.signal);
      if (this.#stopped.signal.aborted || (await this.#openPort(name, onDatagram, { quiet: true }))) return;
    }
  }

  async #openPort(
    name: string,
    onDatagram: OnDatagram,
    { quiet = false }: { readonly quiet?: boolean } = {},
  ): Promise<boolean> {
    try {
      const opened: { port?: LanPort } = {};
      const port = await this.#lan.open({ interface: name, port: this.#port }, (data, from) => {
        if (opened.port !== undefined) onDatagram(opened.port, data, from);
      });
      opened.port = port;
      if (this.#stopped.signal.aborted) await port.close();
      else this.#open.set(name, port);
      return true;
    } catch (thrown) {
      if (!quiet)
        this.#env.log.error("cannot serve an interface yet; trying again", {
          interface: name || "any",
          error: adviceOf(thrown),
        });
      return false;
    }
  }
}
