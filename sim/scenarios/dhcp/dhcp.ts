import { assert } from "#base/env/assert.ts";
import type { Disk } from "#base/env/disk.ts";
import type { SharedKv } from "#daemons/dhcp/share/kv.ts";
import type { ShareTimes } from "#daemons/dhcp/share/share-times.ts";
import { OneHolderPerAddress } from "../../checkers/one-holder-per-address.ts";
import { drawFaults, FaultInjector } from "../../faults.ts";
import type { Scenario } from "../../scenario.ts";
import type { World } from "../../world.ts";
import { runClientsNode } from "./clients-node.ts";
import { runServerNode } from "./server-node.ts";
import { runStoreNode } from "./store-node.ts";

const FAULTY_MS = 90_000;
const CONVERGENCE_MS = 45_000;
/** Nearly as many as there are addresses. */
const CLIENTS = 13;
const MEAN_FAULT_MS = 12_000;
const MEAN_APART_MS = 9000;

export interface Mistakes {
  readonly wrapKv?: (kv: SharedKv) => SharedKv;
  readonly wrapDisk?: (disk: Disk) => Disk;
  readonly times?: ShareTimes;
}

/** Two or three DHCP servers that share leases, while machines die, networks part and the store comes and goes. */
export const dhcp: Scenario = dhcpWith({});

/** The same with something planted: how the checker is shown to find it. */
export function dhcpWith(mistakes: Mistakes): Scenario {
  return {
    name: "dhcp",
    title: "no address leased twice, no durable lease lost",
    run: (world) => runDhcp(world, mistakes),
  };
}

async function runDhcp(world: World, mistakes: Mistakes): Promise<void> {
  const random = world.random.fork();
  const servers = Array.from({ length: random.chance(0.5) ? 2 : 3 }, (_, i) => `dhcp${i + 1}`);
  const checker = new OneHolderPerAddress(() => world.timeMs);
  world.addCheckers(checker);
  const store = world.addNode("store", runStoreNode);
  const nodes = servers.map((name) =>
    world.addNode(name, async (machine) => void (await runServerNode(machine, { clients: "clients", ...mistakes }))),
  );
  const clients = world.addNode("clients", (machine) =>
    runClientsNode(machine, { count: CLIENTS, servers, checker, worldMs: () => world.timeMs }),
  );
  for (const node of [store, ...nodes, clients]) node.start();
  await world.advance(3000);
  // Clocks that jump are tried elsewhere; what instances may differ by is a matter of configuration.
  const faults = new FaultInjector(world, { ...drawFaults(random, MEAN_FAULT_MS), clockStepEveryMs: 0 }, [
    store,
    ...nodes,
  ]);
  faults.start();
  const apart = new Apart(world, servers);
  apart.start();
  await world.advance(FAULTY_MS);
  apart.stop();
  faults.heal();
  const before = checker.acknowledged;
  await world.advance(CONVERGENCE_MS / 2);
  const served = await world.advanceUntil(() => checker.acknowledged > before + CLIENTS * 2, CONVERGENCE_MS / 2);
  assert(served, `seed ${world.seed}: clients were not served within ${CONVERGENCE_MS} ms after the faults ended`);
}

/** Parts a server from the store alone, while clients go on reaching it. */
class Apart {
  readonly #world: World;
  readonly #servers: readonly string[];
  #active = true;

  constructor(world: World, servers: readonly string[]) {
    this.#world = world;
    this.#servers = servers;
  }

  start(): void {
    const { random, network } = this.#world;
    const name = random.pick(this.#servers) ?? "dhcp1";
    this.#world.at(random.exponential(MEAN_APART_MS), `${name} and the store part`, () => {
      if (!this.#active) return;
      network.block(name, "store");
      network.block("store", name);
      this.#world.at(random.exponential(MEAN_APART_MS), `${name} and the store meet`, () => {
        if (!this.#active) return;
        network.unblock(name);
      });
      this.start();
    });
  }

  stop(): void {
    this.#active = false;
  }
}
