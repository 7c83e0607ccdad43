import type { Env } from "#base/env/env.ts";
import type { Node } from "#base/protocol/node.ts";
import { fingerprintNode, type NodeInputs } from "./fingerprint.ts";
import { InventoryRound } from "./inventory.ts";
import { networkFacts, nodeNetworks } from "./network.ts";
import { readText } from "./read-text.ts";

/** Of the node as it is told now, the machine's part anew. */
export type MachineChange = (node: Node) => Node;

/** Notices that the machine is no longer what it was: addresses, links, cores, memory, CNI's plugins and networks, and what its tools found. */
export class MachineWatch {
  readonly #env: Env;
  readonly #inputs: NodeInputs;
  readonly #inventory: InventoryRound;
  #known: Node;
  #pulse: string;

  private constructor(env: Env, inputs: NodeInputs, now: { readonly node: Node; readonly pulse: string }) {
    this.#env = env;
    this.#inputs = inputs;
    this.#inventory = new InventoryRound(env, inputs.inventory);
    this.#known = now.node;
    this.#pulse = now.pulse;
  }

  static async open(env: Env, inputs: NodeInputs, node: Node): Promise<MachineWatch> {
    return new MachineWatch(env, inputs, { node, pulse: await pulseOf(env, inputs) });
  }

  /** Undefined: all is as it was. Costs a few small reads then. */
  async look(): Promise<MachineChange | undefined> {
    const isFound = await this.#inventory.look();
    const pulse = await pulseOf(this.#env, this.#inputs);
    if (pulse === this.#pulse && !isFound) return undefined;
    const before = this.#known;
    this.#known = await fingerprintNode(this.#env, this.#inputs);
    this.#pulse = pulse;
    const after = this.#known;
    return (node) => withMachine(node, before, after);
  }
}

/** Only what the node tells: the interfaces of containers come and go all day. */
async function pulseOf(env: Env, { config: { client } }: NodeInputs): Promise<string> {
  const networks = nodeNetworks(env, await networkFacts(env, client), client.hostNetworks);
  const folders = [...client.cniPath.split(":").filter((folder) => folder !== ""), client.cniConfigDir];
  const memory = /^MemTotal:.*$/m.exec((await readText(env, "/proc/meminfo")) ?? "")?.[0];
  const parts = await Promise.all([
    readText(env, "/sys/devices/system/cpu/online"),
    ...folders.map(async (folder) => (await env.disk.list(folder).catch(() => [])).join(",")),
  ]);
  return [JSON.stringify(networks), memory, ...parts].join("\n");
}

/** What drivers, devices and volumes added stays; so does the disk that was given out, as tasks fill it meanwhile. */
function withMachine(node: Node, before: Node, after: Node): Node {
  const total = "unique.storage.bytestotal";
  const grew = before.Attributes[total] !== after.Attributes[total];
  const others = Object.entries(node.Attributes).filter(([name]) => !(name in before.Attributes));
  return {
    ...node,
    Attributes: { ...after.Attributes, ...Object.fromEntries(others) },
    NodeResources: {
      ...after.NodeResources,
      Devices: node.NodeResources.Devices,
      Disk: grew ? after.NodeResources.Disk : node.NodeResources.Disk,
    },
  };
}
