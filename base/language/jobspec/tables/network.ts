import { append } from "#base/language/hcl/decode/decode.ts";
import { flag, integer, text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable, type Fields } from "#base/language/hcl/decode/table.ts";

const dns: BlockTable = {
  name: "dns",
  attributes: { servers: to("Servers", texts), searches: to("Searches", texts), options: to("Options", texts) },
  blocks: {},
};

const cni: BlockTable = {
  name: "cni",
  attributes: { args: to("Args", textMap) },
  blocks: { args: freeBlock("Args", textMap) },
};

const port: BlockTable = {
  name: "port",
  attributes: {
    static: to("Value", integer),
    to: to("To", integer),
    host_network: to("HostNetwork", text),
    ignore_collision: to("IgnoreCollision", flag),
  },
  blocks: {},
};

/** Ports with a number of their own are reserved, the others are chosen. */
function finishNetwork(fields: Fields): Fields {
  const { Ports: ports, ...rest } = fields;
  if (!Array.isArray(ports)) return rest;
  const all: readonly unknown[] = ports;
  for (const each of all) {
    const fixed = typeof each === "object" && each !== null && "Value" in each && each.Value !== 0;
    append(rest, fixed ? "ReservedPorts" : "DynamicPorts", each);
  }
  return rest;
}

const network: BlockTable = {
  name: "network",
  attributes: {
    mode: to("Mode", text),
    device: to("Device", text),
    cidr: to("CIDR", text),
    hostname: to("Hostname", text),
    mbits: to("MBits", integer),
  },
  blocks: {
    port: nestedBlock("Ports", port, { many: "list", label: "Label" }),
    dns: nestedBlock("DNS", dns),
    cni: nestedBlock("CNI", cni),
  },
  finish: finishNetwork,
};

export const networks = { network: nestedBlock("Networks", network, { many: "list" }) };
