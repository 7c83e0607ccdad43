import { assert } from "#base/env/assert.ts";
import { shareTimes } from "#daemons/dhcp/share/share-times.ts";
import { OneHolderPerAddress } from "../../checkers/one-holder-per-address.ts";
import type { SimNode } from "../../machine/node.ts";
import type { Scenario } from "../../scenario.ts";
import type { World } from "../../world.ts";
import { runClientsNode } from "./clients-node.ts";
import { runServerNode, WIRE } from "./server-node.ts";
import { runStoreNode } from "./store-node.ts";

const CLIENTS = 5000;
/** The power is back, and everybody starts. */
const CROWD_MS = 1000;
const SERVED_MS = 60_000;
const DAY_MS = 86_400_000;
const SETTINGS = {
  leaseTime: "1h",
  probe: false,
  subnets: [{ network: "10.9.0.0/18", interface: WIRE, pools: ["10.9.0.10-10.9.39.250"] }],
};

/** Everybody at once, and one of two servers dies among it: all are served, by the other, and each has an address of its own. */
export const avalanche: Scenario = {
  name: "avalanche",
  title: "5,000 clients at once and a server that dies: all served, no address twice, no lease forgotten",
  run: runAvalanche,
};

async function runAvalanche(world: World): Promise<void> {
  const random = world.random.fork();
  const servers = ["dhcp1", "dhcp2"];
  const checker = new OneHolderPerAddress(() => world.timeMs);
  world.addCheckers(checker);
  const store = world.addNode("store", runStoreNode);
  const options = { clients: "clients", settings: SETTINGS, times: shareTimes(DAY_MS) };
  const nodes = servers.map((name) =>
    world.addNode(name, async (machine) => void (await runServerNode(machine, options))),
  );
  const clients = world.addNode("clients", (machine) =>
    runClientsNode(machine, { count: CLIENTS, servers, checker, worldMs: () => world.timeMs, crowdMs: CROWD_MS }),
  );
  for (const node of [store, ...nodes]) node.start();
  await world.advance(5000);
  clients.start();
  const [victim, other] = random.chance(0.5) ? nodes : nodes.toReversed();
  assert(victim !== undefined && other !== undefined, "there are two");
  await world.advance(random.between(50, CROWD_MS * 1.5));
  die(victim, random.chance(0.5));
  if (random.chance(0.5)) {
    // The store was on the same machine: there are as many addresses as the other one owns, until it is back.
    store.crash();
    world.at(random.between(1000, 10_000), "the store is back", () => store.start());
  }
  const isServed = await world.advanceUntil(() => checker.held().length === CLIENTS, SERVED_MS);
  assert(isServed, `seed ${world.seed}: ${checker.held().length} of ${CLIENTS} clients were served`);
  victim.start();
  // Who starts anew finds whichever server there is.
  await world.advance(random.between(0, CROWD_MS * 10));
  die(other, random.chance(0.5));
  const isKept = await world.advanceUntil(() => checker.acknowledged >= CLIENTS * 2, SERVED_MS);
  assert(isKept && checker.held().length === CLIENTS, `seed ${world.seed}: clients that came back were not known`);
}

function die(node: SimNode, isPowerCut: boolean): void {
  if (isPowerCut) node.crash();
  else node.kill();
}
