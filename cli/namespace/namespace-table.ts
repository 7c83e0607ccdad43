import { text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";

const capabilities: BlockTable = {
  name: "capabilities",
  attributes: {
    enabled_task_drivers: to("EnabledTaskDrivers", texts),
    disabled_task_drivers: to("DisabledTaskDrivers", texts),
    enabled_network_modes: to("EnabledNetworkModes", texts),
    disabled_network_modes: to("DisabledNetworkModes", texts),
  },
  blocks: {},
};

const nodePools: BlockTable = {
  name: "node_pool_config",
  attributes: { default: to("Default", text), allowed: to("Allowed", texts), denied: to("Denied", texts) },
  blocks: {},
};

/** https://developer.hashicorp.com/nomad/docs/other-specifications/namespace */
export const namespaceFile: BlockTable = {
  name: "a namespace",
  attributes: { name: to("Name", text), description: to("Description", text), quota: to("Quota", text) },
  blocks: {
    capabilities: nestedBlock("Capabilities", capabilities),
    node_pool_config: nestedBlock("NodePoolConfiguration", nodePools),
    meta: freeBlock("Meta", textMap),
  },
};
