import { isAbsolute } from "node:path/posix";
import type { Failure } from "#base/env/errors.ts";
import { checkBackup } from "./backup-config.ts";
import type { AgentConfig } from "./config.ts";

/** What contradicts itself in a configuration whose keys are all right one by one. Empty: an agent can start with it. */
export function checkAgentConfig(config: AgentConfig): readonly Failure[] {
  const found: Failure[] = [];
  const error = (message: string, hint: string): void => void found.push({ code: "bad_config", message, hint });
  if (!config.server.enabled && !config.client.enabled) {
    error(
      "the agent is neither server nor client",
      "set server { enabled = true } or client { enabled = true }, or start it with -dev",
    );
  }
  for (const [name, path] of Object.entries({ data_dir: config.dataDir, "client.alloc_dir": config.client.allocDir })) {
    if (path !== "" && !isAbsolute(path))
      error(`${name} ${JSON.stringify(path)} is not an absolute path`, "begin it with /");
  }
  const { minDynamicPort: least, maxDynamicPort: most } = config.client;
  if (least > most)
    error(`client.min_dynamic_port ${least} is more than max_dynamic_port ${most}`, "leave a range of free ports");
  const { jobDefaultPriority, jobMaxPriority } = config.server;
  if (jobDefaultPriority > jobMaxPriority) {
    error(
      `server.job_default_priority ${jobDefaultPriority} is more than job_max_priority ${jobMaxPriority}`,
      "lower it",
    );
  }
  checkEtcd(config, error);
  for (const [message, hint] of checkBackup(config.backup)) error(message, hint);
  checkPorts(config, error);
  checkTls(config, error);
  return found;
}

type Complain = (message: string, hint: string) => void;

function checkEtcd({ state: { etcd } }: AgentConfig, error: Complain): void {
  for (const endpoint of etcd.endpoints) {
    if (!/^https?:\/\/[^/]+:\d+$/.test(endpoint))
      error(`state.etcd.endpoints: ${JSON.stringify(endpoint)} is no URL of a member`, "write https://host:2379");
  }
  if ((etcd.certFile === "") !== (etcd.keyFile === ""))
    error("state.etcd: cert_file and key_file belong together", "give both, or neither");
  if (etcd.caFile === "" && etcd.endpoints.some((endpoint) => endpoint.startsWith("https:")))
    error("state.etcd: ca_file is missing", "name the file with the authority that signed the members' certificates");
  const clear = etcd.endpoints.find((endpoint) => endpoint.startsWith("http:"));
  if (etcd.certFile !== "" && clear !== undefined)
    error(`state.etcd.endpoints: ${clear} would be asked in the clear, though there is a cert_file`, "write https://");
}

function checkPorts(config: AgentConfig, error: Complain): void {
  const taken = new Map<number, string>();
  for (const [name, port] of Object.entries(config.ports)) {
    const other = taken.get(port);
    if (port !== 0 && other !== undefined)
      error(`ports: ${other} and ${name} are both ${port}`, "give each a port of its own, or 0 to switch one off");
    taken.set(port, name);
  }
}

function checkTls({ tls }: AgentConfig, error: Complain): void {
  const missing = Object.entries({ ca_file: tls.caFile, cert_file: tls.certFile, key_file: tls.keyFile })
    .filter(([, path]) => path === "")
    .map(([name]) => name);
  // Certificates of a cluster made by `lares init` need no mention; half of a set is a mistake.
  if (missing.length > 0 && missing.length < 3)
    error(`tls: ${missing.join(" and ")} missing`, "ca_file, cert_file and key_file belong together");
}
