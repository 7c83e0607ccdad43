import { join } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";
import { fail, succeed } from "#base/env/errors.ts";
import { unknownParameter, type VolumePlugin } from "./volume-plugin.ts";

const OWNER_ONLY = 0o700;
const NUMBER = /^\d{1,10}$/;

/**
 * A folder below `folder`, named by the volume's id. Parameters: `mode` (octal, default 0700), `uid`, `gid` (default: the
 * agent's). Sizes are not enforced. https://developer.hashicorp.com/nomad/docs/other-specifications/volume/host#mkdir-plugin
 */
export function mkdirPlugin(disk: Disk, folder: string): VolumePlugin {
  return {
    version: () => Promise.resolve("0.0.1"),
    async create(volume) {
      const { mode: modeText = "", uid = "", gid = "" } = volume.Parameters;
      const unknown = unknownParameter(volume, ["mode", "uid", "gid"]);
      if (unknown !== undefined) return fail("parameter", unknown);
      if (modeText !== "" && !/^0?[0-7]{3,4}$/.test(modeText))
        return fail("parameter", `mode ${JSON.stringify(modeText)} is no mode`, 'write it in octal: "0750"');
      const wrong = [uid, gid].find((id) => id !== "" && !NUMBER.test(id));
      if (wrong !== undefined) return fail("parameter", `${JSON.stringify(wrong)} is no user or group number`);
      const path = join(folder, volume.ID);
      const isNew = (await disk.stat(path)) === undefined;
      await disk.makeDir(folder, { mode: 0o711 });
      await disk.makeDir(path, { mode: OWNER_ONLY });
      if (isNew || modeText !== "")
        await disk.setMode(path, modeText === "" ? OWNER_ONLY : Number.parseInt(modeText, 8));
      const stat = await disk.stat(path);
      if (uid !== "" || gid !== "")
        await disk.setOwner(path, Number(uid || (stat?.uid ?? 0)), Number(gid || (stat?.gid ?? 0)));
      return succeed({ path, bytes: 0 });
    },
    async remove(volume) {
      await disk.remove(join(folder, volume.ID));
      return succeed(undefined);
    },
  };
}
