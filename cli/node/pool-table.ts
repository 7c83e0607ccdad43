import { duration, flag, text, textMap } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";

const scheduler: BlockTable = {
  name: "scheduler_config",
  attributes: {
    scheduler_algorithm: to("SchedulerAlgorithm", text),
    memory_oversubscription_enabled: to("MemoryOversubscriptionEnabled", flag),
  },
  blocks: {},
};

const pool: BlockTable = {
  name: "node_pool",
  attributes: { description: to("Description", text), node_identity_ttl: to("NodeIdentityTTL", duration) },
  blocks: { meta: freeBlock("Meta", textMap), scheduler_config: nestedBlock("SchedulerConfiguration", scheduler) },
};

/** https://developer.hashicorp.com/nomad/docs/other-specifications/node-pool */
export const poolFile: BlockTable = {
  name: "the file",
  attributes: {},
  blocks: { node_pool: nestedBlock("Pools", pool, { many: "list", label: "Name" }) },
};
