import { CONSUL_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const cas = on("Only if the key's modify index is still -modify-index (0: only a new key)");
const modifyIndex = value("INDEX", "The index for -cas");

export const KV_COMMANDS: readonly Command[] = [
  {
    name: "kv get",
    summary: "Print the value of a key",
    operands: "KEY",
    flags: {
      ...CONSUL_FLAGS,
      recurse: on("Everything under the prefix, as KEY:VALUE"),
      keys: on("Only the keys under the prefix"),
      separator: value("TEXT", "For -keys: cut keys behind it (default /)"),
      detailed: on("Print indexes, flags and lock, too"),
      base64: on("Print the value in base64"),
    },
    load: async () => (await import("./get.ts")).get,
  },
  {
    name: "kv put",
    summary: "Write a value: as it is, from a file (@FILE) or from standard input (-)",
    operands: "KEY [VALUE]",
    flags: {
      ...CONSUL_FLAGS,
      cas,
      "modify-index": modifyIndex,
      flags: value("NUMBER", "An unsigned 64-bit number kept beside the value"),
      base64: on("The value given is base64"),
      acquire: on("Take the key's lock for -session"),
      release: on("Give the key's lock up for -session"),
      session: value("ID", "The session of -acquire and -release"),
    },
    load: async () => (await import("./put.ts")).put,
  },
  {
    name: "kv delete",
    summary: "Delete a key, or all under a prefix",
    operands: "KEY",
    flags: { ...CONSUL_FLAGS, cas, "modify-index": modifyIndex, recurse: on("Everything under the prefix") },
    load: async () => (await import("./put.ts")).remove,
  },
  {
    name: "kv export",
    summary: "Print everything under a prefix as JSON",
    operands: "[PREFIX]",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./transfer.ts")).exportKeys,
  },
  {
    name: "kv import",
    summary: "Write what kv export printed: JSON, @FILE or - for standard input",
    operands: "DATA",
    flags: { ...CONSUL_FLAGS, prefix: value("PREFIX", "Under this prefix") },
    load: async () => (await import("./transfer.ts")).importKeys,
  },
  {
    name: "kv log",
    summary: "List the values a key had: when, and who wrote them",
    operands: "KEY",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./log.ts")).log,
  },
];
