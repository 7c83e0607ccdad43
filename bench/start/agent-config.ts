import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "#test/free-ports.ts";

export interface AgentConfig {
  readonly path: string;
  readonly httpPort: number;
}

/** A configuration that gives every listener of an agent a port that was free a moment ago. */
export async function writeAgentConfig(folder: string): Promise<AgentConfig> {
  mkdirSync(folder, { recursive: true });
  const names = ["http", "rpc", "serf", "consul", "dns"];
  const ports = await freePorts(names.length);
  const path = join(folder, "agent.hcl");
  const lines = names.map((name, at) => `  ${name} = ${ports[at]}`);
  writeFileSync(path, `ports {\n${lines.join("\n")}\n}\n`);
  return { path, httpPort: ports[0]! };
}
