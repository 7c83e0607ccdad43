import type { Env } from "#base/env/env.ts";
import { addressFamily } from "#base/protocol/dns/address.ts";
import type { ForwardOptions } from "./forwarded.ts";
import { Forwarder } from "./forwarder.ts";
import { HostResolver } from "./host-resolver.ts";
import { HttpsExchanger } from "./https-exchanger.ts";
import { readServerAddress, type ServerAddress } from "./server-address.ts";
import { UpstreamServer } from "./server.ts";
import { StreamExchanger } from "./stream-exchanger.ts";
import { UdpExchanger } from "./udp-exchanger.ts";

export type UpstreamEnv = Pick<Env, "net" | "random" | "clock" | "http">;

export interface PoolOptions extends ForwardOptions {
  /** Certificates of authorities, PEM; undefined: those every system trusts. */
  readonly ca: string | undefined;
  /** Servers by address, that resolve the names of others. */
  readonly bootstrap: readonly string[];
}

/** Every server of the settings once, however many domains and clients ask it. */
export class ServerPool {
  /** What could not be read, in words. */
  readonly problems: string[] = [];
  readonly bootstrap: Forwarder;
  readonly #env: UpstreamEnv;
  readonly #options: PoolOptions;
  readonly #resolver: HostResolver;
  readonly #servers = new Map<string, UpstreamServer>();
  readonly #forwarders = new Map<string, Forwarder>();

  constructor(env: UpstreamEnv, options: PoolOptions) {
    this.#env = env;
    this.#options = options;
    this.bootstrap = new Forwarder(env, this.#all(options.bootstrap.filter(isPlain)), { ...options, mode: "parallel" });
    this.#resolver = new HostResolver(env, this.bootstrap);
  }

  get servers(): Iterable<UpstreamServer> {
    return this.#servers.values();
  }

  /** The same for the same servers. */
  forwarder(texts: readonly string[], mode = this.#options.mode): Forwarder {
    const key = `${mode} ${texts.join(" ")}`;
    const known = this.#forwarders.get(key);
    if (known !== undefined) return known;
    const made = new Forwarder(this.#env, this.#all(texts), { ...this.#options, mode });
    this.#forwarders.set(key, made);
    return made;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
  }

  #all(texts: readonly string[]): readonly UpstreamServer[] {
    return texts.flatMap((text) => {
      const known = this.#servers.get(text);
      if (known !== undefined) return [known];
      const address = readServerAddress(text);
      if (!address.ok) {
        this.problems.push(`${address.error.message}: ${address.error.hint ?? ""}`);
        return [];
      }
      const server = this.#create(address.value);
      this.#servers.set(text, server);
      return [server];
    });
  }

  #create(address: ServerAddress): UpstreamServer {
    const { host, port, protocol, serverName, path } = address;
    const { ca, randomCase } = this.#options;
    const find = async () => {
      const found = await this.#resolver.address(host);
      return found === undefined ? undefined : { host: found, port };
    };
    const name = serverName === "" ? host : serverName;
    const isNamed = addressFamily(name) === undefined;
    const trust = ca === undefined ? {} : { ca };
    switch (protocol) {
      case "udp": {
        const udp = new UdpExchanger(this.#env, { host, port }, { exactCase: randomCase });
        return new UpstreamServer(address, udp, new StreamExchanger(this.#env, { address: find }));
      }
      case "tcp":
        return new UpstreamServer(address, new StreamExchanger(this.#env, { address: find }), undefined);
      case "tls": {
        const tls = { ...trust, ...(isNamed ? { serverName: name } : {}) };
        return new UpstreamServer(address, new StreamExchanger(this.#env, { address: find, tls }), undefined);
      }
      case "https": {
        const target = { name, path, address: find, tls: trust };
        return new UpstreamServer(address, new HttpsExchanger(this.#env.http, target), undefined);
      }
      default:
        return protocol satisfies never;
    }
  }
}

function isPlain(text: string): boolean {
  const address = readServerAddress(text);
  return address.ok && address.value.protocol === "udp";
}
