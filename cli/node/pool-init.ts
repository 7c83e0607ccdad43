import { existsSync, writeFileSync } from "node:fs";
import { CodedError } from "#base/env/errors.ts";
import type { RunCommand } from "../command/command.ts";

const HCL = `node_pool "example" {
  description = "Machines under the stairs"

  # How long identities of its nodes count.
  node_identity_ttl = "24h"

  meta {
    room = "cellar"
  }

  # Differently from the rest of the cluster:
  # scheduler_config {
  #   scheduler_algorithm             = "spread"
  #   memory_oversubscription_enabled = true
  # }
}
`;

const JSON_TEXT = `${JSON.stringify(
  { Name: "example", Description: "Machines under the stairs", NodeIdentityTTL: 24 * 3600e9, Meta: { room: "cellar" } },
  null,
  2,
)}\n`;

export const init: RunCommand = ({ flags, operands, output }) => {
  const isJson = flags.on("json");
  const path = operands[0] ?? (isJson ? "pool.nomad.json" : "pool.nomad.hcl");
  if (existsSync(path)) throw new CodedError("exists", `${path} is there already`, "Name another file.");
  writeFileSync(path, isJson ? JSON_TEXT : HCL);
  output.line(`Example node pool specification written to ${path}`);
  return Promise.resolve(0);
};
