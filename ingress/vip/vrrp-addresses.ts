import { TemplateRunner } from "#base/client/templates/runner.ts";
import { placeAddress } from "./address.ts";
import { removeAddress } from "./interface-addresses.ts";
import { keepalivedTemplate } from "./keepalived-config.ts";
import { Keepalived } from "./keepalived.ts";
import { shareAddresses } from "./share.ts";
import type { Holding, VipOptions } from "./holding.ts";

/** A lone change is acted on this soon; a burst becomes one change. */
const QUIET = { minMs: 200, maxMs: 2000 };

/** Who holds an address is decided by VRRP among the nodes in the catalog (RFC 5798), without the cluster's help: two nodes suffice. */
export async function startVrrp(options: VipOptions, changed: () => void): Promise<Holding> {
  const { env, addresses, self, keepalived } = options;
  const healthFile = `${keepalived.dir}/unhealthy`;
  const held = new Map<string, boolean>();
  const names = new Map<string, string>(
    shareAddresses(addresses, []).map(({ router, address }) => [`vip-${router}`, address.address]),
  );
  const placements = addresses.map((address) => {
    const interfaces = env.net.interfaces();
    const device = interfaces.find((one) => self.includes(one.address))?.name ?? "";
    return placeAddress(address, interfaces, device);
  });
  /** What a keepalived that was killed held is somebody else's by now. */
  const takeOff = async (): Promise<void> => {
    for (const placement of placements) await removeAddress(env, placement);
    held.clear();
    changed();
  };
  // Until HAProxy is known to be of use, this node holds nothing.
  await env.disk.makeDir(keepalived.dir, { mode: 0o700 });
  await env.disk.replace(healthFile, "1\n", { durable: false });
  await takeOff();
  const program = new Keepalived({
    env,
    program: keepalived.program,
    dir: keepalived.dir,
    onState: (router, isMaster) => {
      const address = names.get(router);
      if (address === undefined || (held.get(address) ?? false) === isMaster) return;
      held.set(address, isMaster);
      env.log.info(isMaster ? "holds a virtual address" : "holds a virtual address no more", { address });
      changed();
    },
    onDeath: takeOff,
  });
  const runner = configRunner(options, healthFile, program);
  runner.start();
  return {
    addresses: () =>
      placements.map(({ address: { address }, device }) => ({ address, device, isHeld: held.get(address) ?? false })),
    setHealthy: (isHealthy) => env.disk.replace(healthFile, isHealthy ? "0\n" : "1\n", { durable: false }),
    stop: async () => {
      await program.stop();
      await runner.stop();
      await takeOff();
    },
  };
}

/** Hands keepalived a configuration whenever the catalog makes another one of it. */
function configRunner(options: VipOptions, healthFile: string, program: Keepalived): TemplateRunner {
  const { env, addresses, self, service, keepalived, get } = options;
  return new TemplateRunner({
    clock: env.clock,
    random: env.random,
    log: env.log,
    get,
    wait: QUIET,
    template: keepalivedTemplate({
      addresses,
      self,
      service,
      healthFile,
      interfaces: () => env.net.interfaces(),
      advertMs: keepalived.advertMs,
    }),
    onRendered: (text) => program.apply(text),
  });
}
