import { flag, text } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { shared } from "../template/config/tables.ts";

const key: BlockTable = {
  name: "key",
  attributes: { name: to("name", text), format: to("format", text) },
  blocks: {},
};
const prefix: BlockTable = {
  name: "prefix",
  attributes: { path: to("path", text), format: to("format", text), no_prefix: to("noPrefix", flag) },
  blocks: {},
};
const secret: BlockTable = { ...prefix, name: "secret", blocks: { key: nestedBlock("keys", key, { many: "list" }) } };
const service: BlockTable = {
  name: "service",
  attributes: {
    query: to("query", text),
    format_id: to("formatId", text),
    format_name: to("formatName", text),
    format_address: to("formatAddress", text),
    format_tag: to("formatTag", text),
    format_port: to("formatPort", text),
  },
  blocks: {},
};

/** envconsul's configuration (https://github.com/hashicorp/envconsul). */
export const envconsulTable: BlockTable = {
  name: "the configuration",
  attributes: {
    ...shared.attributes,
    pristine: to("pristine", flag),
    sanitize: to("sanitize", flag),
    upcase: to("upcase", flag),
  },
  blocks: {
    ...shared.blocks,
    prefix: nestedBlock("prefixes", prefix, { many: "list" }),
    secret: nestedBlock("secrets", secret, { many: "list" }),
    service: nestedBlock("services", service, { many: "list" }),
  },
};
