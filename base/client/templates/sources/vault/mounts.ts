import * as v from "valibot";
import type { VaultApi } from "./vault-api.ts";
import { readBody } from "./vault-api.ts";

export interface MountedPath {
  readonly path: string;
  /** It belongs to the key-value engine's second version: data lies one level deeper. */
  readonly isVersioned: boolean;
}

const MountSchema = v.object({
  data: v.object({
    path: v.nullish(v.string(), ""),
    type: v.nullish(v.string(), ""),
    options: v.nullish(v.record(v.string(), v.unknown())),
  }),
});

/** Where a path really is: `secret/app` of a versioned engine at `secret/` becomes `secret/data/app`, or `secret/metadata/app` for lists. */
export async function locateSecret(
  api: VaultApi,
  path: string,
  { area, signal }: { readonly area: "data" | "metadata"; readonly signal: AbortSignal },
): Promise<MountedPath> {
  const answer = await api.get(`sys/internal/ui/mounts/${path}`, {}, signal);
  const read = answer.ok ? readBody(answer.value, MountSchema) : answer;
  // Old servers do not say, and some tokens may not ask: then the path is taken as it stands.
  if (!read.ok || String(read.value.data.options?.["version"]) !== "2") return { path, isVersioned: false };
  const mount = read.value.data.path.replace(/\/$/, "");
  return { path: inArea(path, mount, area), isVersioned: true };
}

function inArea(path: string, mount: string, area: string): string {
  if (path === mount) return `${mount}/${area}`;
  if (!path.startsWith(`${mount}/`)) return path;
  const rest = path.slice(mount.length + 1);
  return /^(?:data|metadata)(?:\/|$)/.test(rest) ? path : `${mount}/${area}/${rest}`;
}
