import type { Env } from "#base/env/env.ts";
import { readText } from "./read-text.ts";

const BLOCKS = "/sys/block";
/** Made by software: of other disks, of memory, of files. */
const VIRTUAL = /^(?:loop|ram|zram|dm-|md|nbd|sr|fd)\d*/;
const SECTOR_BYTES = 512;

/** Each disk's size, kind (`nvme`, `ssd`, `hdd`, `mmc`) and model. */
export async function diskAttributes(env: Env): Promise<Record<string, string>> {
  const names = (await env.disk.list(BLOCKS).catch(() => [])).filter((name) => !VIRTUAL.test(name));
  const found = await Promise.all(names.map((name) => diskOf(env, name)));
  return Object.fromEntries(found.flatMap((attributes) => Object.entries(attributes)));
}

async function diskOf(env: Env, name: string): Promise<Record<string, string>> {
  const text = async (path: string): Promise<string> =>
    ((await readText(env, `${BLOCKS}/${name}/${path}`)) ?? "").trim();
  const sectors = Number(await text("size"));
  // A reader without a card, or a partition of an eMMC that only its firmware uses.
  if (!(sectors > 0) || /boot\d+$|rpmb$/.test(name)) return {};
  const model = (await text("device/model")) || (await text("device/name"));
  const kind = name.startsWith("nvme")
    ? "nvme"
    : name.startsWith("mmcblk")
      ? "mmc"
      : (await text("queue/rotational")) === "1" && !name.startsWith("vd")
        ? "hdd"
        : "ssd";
  const prefix = `unique.storage.disk.${name}`;
  return {
    [`${prefix}.bytes`]: String(sectors * SECTOR_BYTES),
    [`${prefix}.type`]: kind,
    ...(model === "" ? {} : { [`${prefix}.model`]: model }),
  };
}
