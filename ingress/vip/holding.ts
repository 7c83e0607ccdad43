import type { ConsulClient } from "#base/client/consul-client.ts";
import type { BlockingGet } from "#base/client/templates/watch.ts";
import type { Env } from "#base/env/env.ts";
import type { VirtualAddress } from "./address.ts";
import type { VipStatus } from "./status.ts";

export interface VipOptions {
  readonly env: Env;
  readonly get: BlockingGet;
  readonly consul: ConsulClient;
  /** Name of this node in its status. */
  readonly node: string;
  readonly addresses: readonly VirtualAddress[];
  /** This node's own addresses, the one it registers first. */
  readonly self: readonly string[];
  readonly service: string;
  /** Answers 200 while this node's HAProxy is of use. */
  readonly healthUrl: string;
  readonly healthIntervalMs: number;
  readonly mode: "vrrp" | "lock";
  /** `vrrp`: the program, a folder of its own, and what lies between two advertisements. */
  readonly keepalived: { readonly program: string; readonly dir: string; readonly advertMs: number };
  /** `lock`: tells the neighbours at which device an address is now. */
  readonly announce: (device: string, address: string) => Promise<void>;
  /** Takes what it says of itself, whenever that is something else than before. */
  readonly publish: (status: VipStatus) => Promise<void>;
}

/** One way to agree on who holds what. */
export interface Holding {
  /** Addresses that are held by this node, with their devices. */
  addresses(): VipStatus["addresses"];
  /** HAProxy of this node is of use, or not any more. */
  setHealthy(isHealthy: boolean): Promise<void>;
  /** Hands everything over at once. */
  stop(): Promise<void>;
}
