import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { checkAgentConfig } from "#base/language/agent-config/check-config.ts";
import { readAgentConfig } from "#base/language/agent-config/read-config.ts";
import type { Fields } from "#base/language/hcl/decode/table.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import type { SourceText } from "#base/language/hcl/source.ts";
import type { FlagValues } from "../command/command.ts";

/** What `-dev` means: server and client on loopback, every driver on, nothing kept. Files and flags may change it. */
export function devFields(dataDir: string): Fields {
  return {
    dataDir,
    bindAddress: "127.0.0.1",
    server: { enabled: true },
    client: { enabled: true, networkInterface: "lo" },
    plugins: { raw_exec: { enabled: true } },
    telemetry: { prometheusMetrics: true },
  };
}

/** Reads `-config` files and folders, another `text`, and the flags beside them. Throws with every mistake shown in its line. */
export function loadConfig(flags: FlagValues, base: Fields, text?: string): AgentConfig {
  const given = text === undefined ? [] : [{ name: "lares.hcl", text }];
  const files = [...flags.values("config").flatMap(filesOf), ...given];
  const read = readAgentConfig({ files, base, overrides: overridesOf(flags) });
  if (!read.ok) throw new CodedError("agent_config", renderDiagnostics(read.diagnostics));
  const contradictions = checkAgentConfig(read.config);
  if (contradictions.length === 0) return read.config;
  throw new CodedError(
    "agent_config",
    contradictions.map(({ message, hint }) => (hint === undefined ? message : `${message}; ${hint}`)).join("\n"),
  );
}

/** A folder stands for its `.hcl` and `.json` files, in the order of their names. */
function filesOf(path: string): readonly SourceText[] {
  try {
    if (!statSync(path).isDirectory()) return [{ name: path, text: readFileSync(path, "utf8") }];
    const names = readdirSync(path).filter((name) => /\.(?:hcl|json)$/.test(name));
    return names.toSorted().map((name) => ({ name: join(path, name), text: readFileSync(join(path, name), "utf8") }));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CodedError(
      "agent_config",
      `cannot read the configuration ${path}: ${code}`,
      "give -config a file or a folder",
    );
  }
}

function overridesOf(flags: FlagValues): Fields {
  const fields: Fields = {};
  const texts = {
    "data-dir": "dataDir",
    bind: "bindAddress",
    node: "name",
    dc: "datacenter",
    "log-level": "logLevel",
    "log-file": "logFile",
  };
  for (const [flag, field] of Object.entries(texts)) {
    const value = flags.value(flag);
    if (value !== undefined) fields[field] = flag === "log-level" ? value.toLowerCase() : value;
  }
  if (flags.on("log-json")) fields["logJson"] = true;
  return fields;
}
