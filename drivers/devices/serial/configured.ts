import type { Disk } from "#base/env/disk.ts";
import { matchPaths } from "../path-pattern.ts";
import { resolveSoft } from "../sysfs.ts";
import type { ConfiguredPort } from "./plugin-options.ts";

/** A path of the configuration that leads to a device now. */
export interface NamedPort {
  /** As it is named: a link, maybe. */
  readonly path: string;
  /** Where it leads. */
  readonly node: string;
  readonly device: { readonly major: number; readonly minor: number };
  readonly as: ConfiguredPort;
}

/** The first block that names a port names it for good. */
export async function configuredPorts(
  disk: Disk,
  configured: readonly ConfiguredPort[],
): Promise<readonly NamedPort[]> {
  const found = new Map<string, NamedPort>();
  for (const as of configured) {
    for (const path of await matchPaths(disk, as.path)) {
      const node = await resolveSoft(disk, path);
      const stat = node === undefined ? undefined : await disk.stat(node).catch(() => undefined);
      if (node === undefined || stat?.device === undefined || found.has(node)) continue;
      found.set(node, { path, node, device: stat.device, as });
    }
  }
  return [...found.values()];
}
