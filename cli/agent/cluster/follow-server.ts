import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { openDataFolder } from "../data-folder.ts";
import { readMembership, writeMembership } from "../internal/membership.ts";
import { writeEngineFile } from "./engine-file.ts";
import { etcdFolder } from "./own-member.ts";
import { keptFolder, refused } from "./recovery.ts";

/** This server is to take its part of the state from the one at `address` (`host:port` of its internal API) from now on. */
export async function followServer(env: Env, config: AgentConfig, address: string): Promise<string> {
  const folder = await openDataFolder(env.disk, config);
  const membership = await readMembership(env.disk, folder.root);
  if (membership === undefined)
    throw refused(`${folder.root} belongs to no cluster`, "lares join ADDRESS TOKEN -server");
  const kept = keptFolder(env, folder);
  const had = (await env.disk.stat(etcdFolder(folder))) !== undefined;
  await writeMembership(env.disk, folder.root, { ...membership, servers: [address] });
  await writeEngineFile(env.disk, folder.state, { engine: "joining" });
  if (had) await env.disk.rename(etcdFolder(folder), kept);
  return had ? kept : "";
}
