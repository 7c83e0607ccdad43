import { anything, integer, text, textMap } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";

/** https://developer.hashicorp.com/nomad/docs/other-specifications/variables */
export const variableFile: BlockTable = {
  name: "a variable",
  attributes: {
    namespace: to("Namespace", text),
    path: to("Path", text),
    items: to("Items", textMap),
    create_index: to("CreateIndex", integer),
    modify_index: to("ModifyIndex", integer),
    create_time: to("CreateTime", anything),
    modify_time: to("ModifyTime", anything),
  },
  blocks: { items: freeBlock("Items", textMap) },
};
