import type { Env } from "#base/env/env.ts";
import { contains, parseCidr, parseIp } from "../address/ip.ts";
import type { Dyndns, RouterConfig } from "../config/model.ts";
import type { RouterFacts } from "../plan/facts.ts";
import { activeLine, lineAddresses } from "../plan/uplinks.ts";
import { tellProvider, type PublicAddress } from "./dyndns.ts";

const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** Not reachable from outside: RFC 1918, RFC 6598, RFC 3927. */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"].flatMap(
  (each) => parseCidr(each) ?? [],
);

interface Told {
  /** What the provider knows, or was asked to. */
  readonly what: string;
  readonly pauseMs: number;
  /** Not before, by the monotonic clock. */
  readonly againMs: number;
  readonly problem: string;
}

/** Keeps names at dynamic DNS providers where the lines are, and annoys nobody: only changes are told, failures rarely again. */
export class PublicNames {
  readonly #env: Env;
  readonly #onChange: () => void;
  readonly #told = new Map<string, Told>();
  #busy = false;

  constructor(env: Env, onChange: () => void) {
    this.#env = env;
    this.#onChange = onChange;
  }

  problems(): readonly string[] {
    return [...this.#told.values()].flatMap(({ problem }) => (problem === "" ? [] : [problem]));
  }

  /** Tells what changed; does not wait for providers. */
  follow(config: RouterConfig, facts: RouterFacts): void {
    if (this.#busy) return;
    this.#busy = true;
    void this.#tellAll(config, facts).finally(() => {
      this.#busy = false;
    });
  }

  async #tellAll(config: RouterConfig, facts: RouterFacts): Promise<void> {
    for (const dyndns of config.dyndns) {
      const address = addressFor(dyndns, config, facts);
      if (address.ipv4 === "" && address.ipv6 === "") continue;
      const what = JSON.stringify([address, dyndns]);
      const before = this.#told.get(dyndns.name);
      const nowMs = this.#env.clock.monotonicMs();
      if (before?.what === what && (before.problem === "" || nowMs < before.againMs)) continue;
      const told = await tellProvider(this.#env, dyndns, address);
      const pauseMs = before?.what === what ? Math.min(before.pauseMs * 2, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS;
      const problem = told.ok ? "" : told.error.message;
      this.#told.set(dyndns.name, { what, pauseMs, againMs: nowMs + pauseMs, problem });
      if (told.ok) this.#env.log.info(`dyndns "${dyndns.name}" was told the line's address`);
      else {
        this.#env.log.warn(problem, { hint: told.error.hint });
        this.#env.clock.after(pauseMs, this.#onChange);
      }
      this.#onChange();
    }
  }
}

/** The address of the line a name belongs to: the one in use, unless it names another. */
function addressFor(dyndns: Dyndns, config: RouterConfig, facts: RouterFacts): PublicAddress {
  const wan = dyndns.wan === "" ? activeLine(config, facts) : config.wans.find(({ name }) => name === dyndns.wan);
  const own = wan === undefined ? [] : lineAddresses(wan, facts).map((each) => each.replace(/\/.*/, ""));
  const ipv4 = own.find((each) => !each.includes(":") && !isPrivate(each)) ?? "";
  const ipv6 = own.find((each) => each.includes(":")) ?? "";
  return { ipv4: dyndns.ipv4 ? ipv4 : "", ipv6: dyndns.ipv6 ? ipv6 : "" };
}

function isPrivate(text: string): boolean {
  const ip = parseIp(text);
  return ip === undefined || PRIVATE.some((network) => contains(network, ip));
}
