import { join, resolve } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { Node } from "#base/protocol/node.ts";
import { fixedVolumes } from "../fingerprint/fingerprint.ts";
import { HostVolumes } from "./host-volumes.ts";

export interface VolumeSettings {
  readonly env: Env;
  readonly config: AgentConfig;
  /** Absolute. */
  readonly dataDir: string;
}

/** This node's dynamic host volumes, as an earlier agent left them. `changed`: it offers others than before. */
export async function openVolumes(
  { env, config, dataDir }: VolumeSettings,
  stateDir: string,
  changed: () => void,
): Promise<HostVolumes> {
  const { hostVolumesDir, hostVolumePluginDir, maxDynamicHostVolumes } = config.client;
  const volumes = new HostVolumes({
    env,
    file: join(stateDir, "host-volumes.json"),
    folders: {
      volumes: hostVolumesDir === "" ? join(dataDir, "host_volumes") : resolve(hostVolumesDir),
      plugins: hostVolumePluginDir === "" ? join(dataDir, "host_volume_plugins") : resolve(hostVolumePluginDir),
    },
    most: maxDynamicHostVolumes,
    changed,
  });
  await volumes.start();
  return volumes;
}

/** A volume that was asked for goes before one of the configuration that has its name. */
export function withVolumes(node: Node, client: AgentConfig["client"], volumes: HostVolumes): Node {
  const kept = Object.entries(node.Attributes).filter(([name]) => !name.startsWith("plugins.host_volume."));
  const { HostVolumeNews: _before, ...rest } = node;
  const news = volumes.news();
  return {
    ...rest,
    HostVolumes: { ...fixedVolumes(client), ...volumes.offered() },
    Attributes: { ...Object.fromEntries(kept), ...volumes.attributes() },
    ...(Object.keys(news).length === 0 ? {} : { HostVolumeNews: news }),
  };
}
