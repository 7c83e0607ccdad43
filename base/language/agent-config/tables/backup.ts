import { durationMs, text } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { count } from "../readers.ts";

const s3: BlockTable = {
  name: "s3",
  attributes: {
    endpoint: to("endpoint", text),
    bucket: to("bucket", text),
    prefix: to("prefix", text),
    region: to("region", text),
    access_key_id: to("accessKeyId", text),
    secret_access_key: to("secretAccessKey", text),
    secret_key_file: to("secretKeyFile", text),
    ca_file: to("caFile", text),
  },
  blocks: {},
};

const target: BlockTable = {
  name: "target",
  attributes: { folder: to("folder", text), retain: to("retain", count) },
  blocks: { s3: nestedBlock("s3", s3) },
};

export const backup: BlockTable = {
  name: "backup",
  attributes: { interval: to("intervalMs", durationMs) },
  blocks: { target: nestedBlock("targets", target, { many: "list", label: "name" }) },
};
