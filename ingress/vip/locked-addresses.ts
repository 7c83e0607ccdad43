import { TemplateRunner } from "#base/client/templates/runner.ts";
import { placeAddress } from "./address.ts";
import { removeAddress } from "./interface-addresses.ts";
import { LockLease, SHORT_TERM } from "../lock-lease.ts";
import { LockedAddress } from "./locked-address.ts";
import { shareAddresses } from "./share.ts";
import type { Holding, VipOptions } from "./holding.ts";

const QUIET = { minMs: 200, maxMs: 2000 };

/**
 * Who holds an address is decided by a lock in the cluster's key-value store: never two nodes at once, where VRRP's could
 * be in a network that is cut in two. Needs a cluster that has quorum; how soon a lost node's address moves is up to how
 * soon the cluster knows that it is lost.
 */
export async function startLocked(options: VipOptions, changed: () => void): Promise<Holding> {
  const { env, consul, addresses, self, announce } = options;
  const interfaces = env.net.interfaces();
  const own = self[0] ?? "";
  const fallback = interfaces.find((one) => self.includes(one.address))?.name ?? "";
  const ranks = new Map<string, number>();
  const lease = new LockLease({
    env,
    consul,
    name: `virtual addresses of ${options.node}`,
    term: SHORT_TERM,
    onLost: () => void Promise.all(locked.map((one) => one.lost())),
  });
  const locked = addresses.map(
    (address) =>
      new LockedAddress({
        env,
        consul,
        lease,
        placement: placeAddress(address, interfaces, fallback),
        announce,
        rank: () => ranks.get(address.address) ?? 0,
        changed,
      }),
  );
  for (const address of addresses) await removeAddress(env, placeAddress(address, interfaces, fallback));
  const runner = rankRunner(options, own, ranks);
  lease.start();
  for (const one of locked) one.start();
  runner.start();
  return {
    addresses: () =>
      addresses.map((address, at) => ({
        address: address.address,
        device: placeAddress(address, interfaces, fallback).device,
        isHeld: locked[at]?.isHeld ?? false,
      })),
    setHealthy: async (isHealthy) => void (await Promise.all(locked.map((one) => one.want(isHealthy)))),
    stop: async () => {
      await Promise.all(locked.map((one) => one.stop()));
      await runner.stop();
      await lease.stop();
    },
  };
}

/** Keeps `ranks` in step with the nodes whose checks pass. */
function rankRunner(
  { env, get, service, addresses }: VipOptions,
  own: string,
  ranks: Map<string, number>,
): TemplateRunner {
  return new TemplateRunner({
    clock: env.clock,
    random: env.random,
    log: env.log,
    get,
    wait: QUIET,
    template: (data) =>
      data
        .service(service)
        .map(({ address }) => address)
        .join(" "),
    onRendered: (text) => {
      for (const { address, order } of shareAddresses(addresses, [...text.split(" ").filter((one) => one !== ""), own]))
        ranks.set(address.address, Math.max(0, order.indexOf(own)));
      return Promise.resolve();
    },
  });
}
