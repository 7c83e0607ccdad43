import { join } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { HostVolume } from "#base/protocol/host-volume.ts";
import { mountedAt } from "./mounted.ts";
import { unknownParameter, type VolumePlugin } from "./volume-plugin.ts";

const MOUNT_MS = 50_000;
const UNMOUNT_MS = 30_000;
/** What comes over the network is neither a device nor lends its owner's rights. */
const ALWAYS = ["nosuid", "nodev"];
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:]+)$/;
const PRINTABLE = /^[^\p{Cc}]*$/u;

interface Kind {
  /** File system of mount(8), and its program. */
  readonly type: string;
  readonly program: string;
  readonly hint: string;
  readonly parameters: readonly string[];
  /** What is mounted, and options beside those that are asked for. */
  source(parameters: Readonly<Record<string, string>>): Result<{ readonly device: string; readonly options: string[] }>;
}

/** `server`, `path` and `options` as nfs(5) has them. */
export const NFS: Kind = {
  type: "nfs",
  program: "mount.nfs",
  hint: "install nfs-common",
  parameters: ["server", "path", "options"],
  source({ server = "", path = "" }) {
    if (!HOST.test(server)) return fail("parameter", `server ${JSON.stringify(server)} is no name or address`);
    if (!path.startsWith("/")) return fail("parameter", `path ${JSON.stringify(path)} is no export: "/srv/data"`);
    return succeed({ device: `${bracketed(server)}:${path}`, options: [] });
  },
};

/** `server`, `share`, `options` and `credentials` (a file on the node) as mount.cifs(8) has them. */
export const SMB: Kind = {
  type: "cifs",
  program: "mount.cifs",
  hint: "install cifs-utils",
  parameters: ["server", "share", "options", "credentials"],
  source({ server = "", share = "", credentials = "" }) {
    if (!HOST.test(server)) return fail("parameter", `server ${JSON.stringify(server)} is no name or address`);
    if (share === "" || share.startsWith("/"))
      return fail("parameter", `share ${JSON.stringify(share)} is no share's name`);
    if (credentials !== "" && !/^\/[^,]*$/.test(credentials))
      return fail("parameter", `credentials ${JSON.stringify(credentials)} is no absolute path of a file`);
    return succeed({
      device: `//${server}/${share}`,
      options: credentials === "" ? [] : [`credentials=${credentials}`],
    });
  },
};

/** A share of another machine, mounted below `folder`. Deleting such a volume unmounts it; the share keeps its files. */
export function mountPlugin(env: Env, kind: Kind, folder: string): VolumePlugin {
  const at = (volume: HostVolume): string => join(folder, volume.ID);
  return {
    version: async () => ((await env.exec.find(kind.program)) === undefined ? undefined : "0.0.1"),
    async create(volume) {
      const unknown = unknownParameter(volume, kind.parameters);
      if (unknown !== undefined) return fail("parameter", unknown);
      const bad = Object.values(volume.Parameters).find((text) => !PRINTABLE.test(text));
      if (bad !== undefined) return fail("parameter", `${JSON.stringify(bad)} holds control characters`);
      const source = kind.source(volume.Parameters);
      if (!source.ok) return source;
      const path = at(volume);
      const { device, options } = source.value;
      const before = await mountedAt(env.disk, path);
      if (before?.device === device) return succeed({ path, bytes: await sizeOf(env, path) });
      if (before !== undefined)
        return fail("mounted", `${before.device} is mounted at ${path} already`, "delete the volume first");
      await env.disk.makeDir(folder, { mode: 0o711 });
      await env.disk.makeDir(path, { mode: 0o700 });
      const all = [volume.Parameters["options"] ?? "", ...options, ...ALWAYS].filter((each) => each !== "").join(",");
      const said = await env.exec.run(["mount", "-t", kind.type, "-o", all, "--", device, path], {
        timeoutMs: MOUNT_MS,
        leaveNothing: true,
      });
      if (said.code === 0 && said.signal === 0) return succeed({ path, bytes: await sizeOf(env, path) });
      const why = said.timedOut ? `no answer within ${MOUNT_MS / 1000} s` : said.stderr.trim();
      return fail("mount", `cannot mount ${device}: ${why}`, hintFor(why, kind));
    },
    async remove(volume) {
      const path = at(volume);
      if ((await mountedAt(env.disk, path)) !== undefined) {
        const said = await env.exec.run(["umount", "--", path], { timeoutMs: UNMOUNT_MS });
        if ((await mountedAt(env.disk, path)) !== undefined)
          return fail("mounted", `cannot unmount ${path}: ${said.stderr.trim()}`, "end what uses it");
      }
      if ((await env.disk.stat(path)) === undefined) return succeed(undefined);
      // Never recursively: should anything be mounted there again meanwhile, these are somebody's files.
      const gone = await env.exec.run(["rmdir", "--", path]);
      return gone.code === 0 ? succeed(undefined) : fail("rmdir", `cannot remove ${path}: ${gone.stderr.trim()}`);
    },
  };
}

async function sizeOf({ disk }: Env, path: string): Promise<number> {
  return (await disk.space(path)).totalBytes;
}

function hintFor(why: string, { type, hint }: Kind): string {
  if (/unknown filesystem type|No such device/i.test(why)) return `this kernel has no ${type}: load its module`;
  return /bad option|helper program/i.test(why) ? hint : "look at the server, its exports and this machine's address";
}

/** nfs(5): an IPv6 address stands in brackets. */
function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
