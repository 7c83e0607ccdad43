import { CodedError } from "#base/env/errors.ts";
import type { Disk } from "#base/env/disk.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";

/** Where an agent keeps everything. */
export interface DataFolder {
  readonly root: string;
  /** The state store's files. */
  readonly state: string;
  /** What the node's client knows of its tasks. */
  readonly client: string;
  readonly allocs: string;
  readonly discovery: string;
  /** The file that opens the secrets in the state. */
  readonly keyring: string;
  /** What operators leave for the servers: a file that allows a second bootstrap. */
  readonly server: string;
}

/** Makes the folders, for this user alone; allocations must be reachable by tasks that run as others. */
export async function openDataFolder(disk: Disk, config: AgentConfig): Promise<DataFolder> {
  const { dataDir: root, client } = config;
  if (!root.startsWith("/"))
    throw new CodedError("data_dir_relative", `data_dir "${root}" must be an absolute path`, "start it with /");
  const folder: DataFolder = {
    root,
    state: `${root}/state`,
    client: client.stateDir === "" ? `${root}/client` : client.stateDir,
    allocs: client.allocDir === "" ? `${root}/alloc` : client.allocDir,
    discovery: `${root}/discovery`,
    keyring: `${root}/keyring`,
    server: `${root}/server`,
  };
  await disk.makeDir(root, { mode: 0o711 });
  for (const path of [folder.state, folder.client, folder.discovery, folder.keyring, folder.server])
    await disk.makeDir(path, { mode: 0o700 });
  await disk.makeDir(folder.allocs, { mode: 0o711 });
  return folder;
}
