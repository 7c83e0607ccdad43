import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { MemberRole } from "#base/protocol/cluster.ts";
import { loadConfig } from "../agent/load-config.ts";
import type { FlagValues } from "../command/command.ts";

export const DEFAULT_CONFIG = "/etc/lares";
export const DEFAULT_DATA_DIR = "/var/lib/lares";
const FILE = "lares.hcl";

export interface NodeConfig {
  readonly config: AgentConfig;
  /** What `agent -config` takes. */
  readonly path: string;
  /** Writes the file, where there was none. */
  save(): void;
}

interface Wanted {
  readonly role: MemberRole;
  readonly datacenter?: string;
  readonly region?: string;
}

/** The configuration that is there, or the usual one, to be written later. Throws with its mistakes. */
export function nodeConfig(flags: FlagValues, wanted: Wanted): NodeConfig {
  const path = flags.value("config") ?? DEFAULT_CONFIG;
  const exists = existsSync(path) && (!statSync(path).isDirectory() || existsSync(join(path, FILE)));
  if (exists) return { config: load(flags, [path]), path, save: () => {} };
  const file = path.endsWith(".hcl") || path.endsWith(".json") ? path : join(path, FILE);
  const text = usual(flags, wanted);
  return {
    config: load(flags, [], text),
    path,
    save() {
      mkdirSync(dirname(file), { recursive: true });
      // Whole and on the disk, or not there: what makes this node a member is written after it.
      writeFileSync(`${file}.new`, text, { mode: 0o644, flush: true });
      renameSync(`${file}.new`, file);
    },
  };
}

function load(flags: FlagValues, paths: readonly string[], text?: string): AgentConfig {
  const only = (name: string): readonly string[] => (name === "config" ? paths : flags.values(name));
  return loadConfig(
    { on: (name) => flags.on(name), value: (name) => flags.value(name), values: only },
    { dataDir: DEFAULT_DATA_DIR },
    text,
  );
}

/** What a node needs to say of itself when nobody said it before. */
function usual(flags: FlagValues, { role, datacenter, region }: Wanted): string {
  const quoted = (text: string): string => JSON.stringify(text);
  const name = flags.value("node");
  const runsTasks = role === "client" || !flags.on("no-client");
  return [
    `data_dir  = ${quoted(flags.value("data-dir") ?? DEFAULT_DATA_DIR)}`,
    `bind_addr = ${quoted(flags.value("bind") ?? "0.0.0.0")}`,
    ...(name === undefined ? [] : [`name      = ${quoted(name)}`]),
    ...(datacenter === undefined ? [] : [`datacenter = ${quoted(datacenter)}`]),
    ...(region === undefined ? [] : [`region = ${quoted(region)}`]),
    "",
    ...(role === "server" ? ["server { enabled = true }"] : []),
    ...(runsTasks ? ["client { enabled = true }"] : []),
    "acl { enabled = true }",
    "",
  ].join("\n");
}
