import type { Env } from "#base/env/env.ts";
import type { Settings } from "../settings/settings.ts";
import {
  addressBytes,
  ClientMatcher,
  isInside,
  readNetwork,
  type ClientMatch,
  type Neighbours,
} from "./client-matcher.ts";

/** Loopback, private, link-local and shared addresses (RFC 1918, RFC 4193, RFC 3927, RFC 4291, RFC 6598). */
const AT_HOME = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "100.64.0.0/10",
  "::1",
  "fc00::/7",
  "fe80::/10",
];

/** Who may ask, how much, and what the settings say of them. */
export class ClientRights {
  readonly #net: Env["net"];
  readonly #matcher: ClientMatcher;
  readonly #neighbours: Neighbours;
  readonly #allowed: readonly string[];

  constructor(net: Env["net"], settings: Settings, neighbours: Neighbours) {
    this.#net = net;
    this.#matcher = new ClientMatcher(settings.clients);
    this.#neighbours = neighbours;
    this.#allowed = settings.limits.allowFrom;
  }

  of(address: string): { readonly isAllowed: boolean; readonly isLimited: boolean } {
    const plain = address.replace(/%.*$/, "");
    const bytes = addressBytes(plain);
    if (bytes === undefined) return { isAllowed: false, isLimited: true };
    const isLoopback = bytes.length === 4 ? bytes[0] === 127 : plain === "::1";
    const own = this.#net.interfaces().map(({ cidr }) => cidr);
    const networks = this.#allowed.length > 0 ? [...this.#allowed, "127.0.0.0/8", "::1"] : [...AT_HOME, ...own];
    const isAllowed = networks.some((text) => {
      const network = readNetwork(text);
      return network !== undefined && isInside(bytes, network);
    });
    return { isAllowed, isLimited: !isLoopback };
  }

  match(address: string): ClientMatch {
    return this.#matcher.find(address.replace(/%.*$/, ""), this.#neighbours);
  }
}
