import { hostname } from "node:os";
import type { Net } from "#base/env/net.ts";
import {
  OS_RELEASE,
  PLACES,
  readIfThere,
  troublesOf,
  versionIn,
  type Places,
} from "#os-image/firmware/node/machine.ts";
import { spaced } from "#daemons/cluster/admission-code.ts";
import type { Looked } from "../../membership/find-cluster.ts";
import { ownAddresses } from "../own-addresses.ts";

/** What a machine does before it is a member, for people. */
const DOES = {
  seed: "It takes its seed file.",
  network: "It waits for an address on its network.",
  looks: "It looks for a cluster on its network.",
  asks: "It waits to be let in.",
  token: "It asks to be let in by the token of its seed file.",
  founds: "It founds a cluster.",
  joins: "It was let in, and becomes a member.",
} as const;
export type Doing = keyof typeof DOES;

/** What its screen shows, and nothing more: everybody on the network may read it. */
export interface WaitingFacts {
  readonly Name: string;
  /** Of the firmware. */
  readonly Version: string;
  /** IPv4. */
  readonly Addresses: readonly string[];
  readonly Doing: Doing;
  /** The same as a sentence. */
  readonly Does: string;
  /** One for each cluster that it asked: a server of it, and the code as people read it. */
  readonly Codes: readonly { readonly Server: string; readonly Code: string }[];
  /** The last word of those it asked; empty: none. */
  readonly Said: string;
  readonly Troubles: readonly string[];
}

/** How far this machine is on its way into a cluster. */
export class Waiting {
  readonly #net: Pick<Net, "interfaces">;
  readonly #places: Places;
  #doing: Doing = "seed";
  #looked: Looked = { codes: [], said: "" };

  constructor(net: Pick<Net, "interfaces">, places: Places = PLACES) {
    this.#net = net;
    this.#places = places;
  }

  does(doing: Doing): void {
    this.#doing = doing;
  }

  /** What came of looking for a cluster so far. */
  looked(looked: Looked): void {
    this.#looked = looked;
    this.#doing = looked.codes.length === 0 ? "looks" : "asks";
  }

  async facts(): Promise<WaitingFacts> {
    const { codes, said } = this.#looked;
    return {
      Name: hostname(),
      Version: versionIn(await readIfThere(OS_RELEASE)),
      Addresses: ownAddresses(this.#net),
      Doing: this.#doing,
      Does: DOES[this.#doing],
      Codes: this.#doing === "asks" ? codes.map(({ at, code }) => ({ Server: at, Code: spaced(code) })) : [],
      Said: said,
      Troubles: await troublesOf(this.#places),
    };
  }
}
