import type { Env } from "#base/env/env.ts";
import { addressFamily } from "#base/protocol/dns/address.ts";
import { readMessage } from "#base/protocol/dns/message.ts";
import { NameCoder } from "../filter/name-hash.ts";
import type { Forwarder } from "./forwarder.ts";

const TYPE_A = 1;
const TYPE_AAAA = 28;
const LEAST_MS = 60_000;

/** Addresses of upstream servers that are known by name, from servers that are known by address. */
export class HostResolver {
  readonly #env: Pick<Env, "clock">;
  readonly #bootstrap: Forwarder;
  readonly #known = new Map<string, { readonly address: string; readonly untilMs: number }>();

  constructor(env: Pick<Env, "clock">, bootstrap: Forwarder) {
    this.#env = env;
    this.#bootstrap = bootstrap;
  }

  /** An old answer serves when there is no new one. */
  async address(host: string): Promise<string | undefined> {
    if (addressFamily(host) !== undefined) return host;
    const known = this.#known.get(host);
    const nowMs = this.#env.clock.monotonicMs();
    if (known !== undefined && nowMs < known.untilMs) return known.address;
    const found = (await this.#ask(host, TYPE_A)) ?? (await this.#ask(host, TYPE_AAAA));
    if (found === undefined) return known?.address;
    this.#known.set(host, { address: found.address, untilMs: nowMs + Math.max(found.lifeSeconds * 1000, LEAST_MS) });
    return found.address;
  }

  #ask(host: string, type: number): Promise<{ readonly address: string; readonly lifeSeconds: number } | undefined> {
    const coder = new NameCoder(0);
    const text = Buffer.from(host, "latin1");
    const length = coder.encode(text, 0, text.length);
    if (length === 0) return Promise.resolve(undefined);
    const plain = { class: 1, dnssecOk: false, checkingDisabled: false, wantsAuthentic: false };
    const question = { name: coder.out.slice(0, length), type, ...plain };
    return new Promise((resolve) => {
      this.#bootstrap.ask(question, (forwarded) => {
        const records = forwarded === undefined ? [] : (readMessage(forwarded.reply.bytes)?.answers ?? []);
        const addresses = records.flatMap(({ data }) =>
          data.kind === "A" || data.kind === "AAAA" ? [data.address] : [],
        );
        const [address] = addresses;
        resolve(address === undefined ? undefined : { address, lifeSeconds: forwarded?.reply.lifeSeconds ?? 0 });
      });
    });
  }
}
