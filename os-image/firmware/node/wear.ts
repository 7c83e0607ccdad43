import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** How much was written to the disk, and what it says of its own age. */
export interface Wear {
  readonly disk: string;
  /** Since the start. */
  readonly uptimeS: number;
  readonly writtenBytes: number;
  /** Of the data partition since it was made (ext4 counts it); undefined: it is in memory. */
  readonly dataBytes: number | undefined;
  /** eMMC's own estimate, in per cent of its life at most (JESD84-B51, DEVICE_LIFE_TIME_EST); undefined: it tells none. */
  readonly lifeUsedPercent: number | undefined;
  /** The kernel made it read-only (newer ones call that `emergency_ro`), or the disk did: it is worn out. */
  readonly readOnly: boolean;
}

const SECTOR = 512;
const DAY_S = 86_400;

/** Reads sysfs and proc below `root` (`/`; another folder in tests). */
export async function readWear(disk: string, root: string): Promise<Wear> {
  const text = (path: string): Promise<string | undefined> =>
    readFile(join(root, path), "utf8").then(
      (found) => found.trim(),
      () => undefined,
    );
  const stat = (await text(`sys/class/block/${disk}/stat`))?.split(/\s+/) ?? [];
  const mounts = (await text("proc/mounts")) ?? "";
  // It may lie on a second disk.
  const data = /^\/dev\/(\S+) \/var ext4 /m.exec(mounts)?.[1];
  const kept = data === undefined ? undefined : await text(`sys/fs/ext4/${data}/lifetime_write_kbytes`);
  const life = (await text(`sys/class/block/${disk}/device/life_time`))?.split(/\s+/).map(Number) ?? [];
  const worst = Math.max(...life.filter((each) => each > 0));
  return {
    disk,
    uptimeS: Number.parseFloat((await text("proc/uptime")) ?? "0"),
    // https://docs.kernel.org/block/stat.html: the seventh number counts sectors of 512 bytes.
    writtenBytes: Number(stat[6] ?? 0) * SECTOR,
    dataBytes: kept === undefined ? undefined : Number(kept) * 1024,
    lifeUsedPercent: Number.isFinite(worst) ? Math.min(worst, 10) * 10 : undefined,
    readOnly:
      (await text(`sys/class/block/${disk}/ro`)) === "1" || / \/var ext4 (?:ro[, ]|\S*\bemergency_ro\b)/.test(mounts),
  };
}

export function wearLines(wear: Wear): readonly string[] {
  const { disk, uptimeS, writtenBytes, dataBytes, lifeUsedPercent, readOnly } = wear;
  const days = Math.max(uptimeS / DAY_S, 1 / 24);
  return [
    `disk:           ${disk}${readOnly ? ", read-only: it is worn out or damaged" : ""}`,
    `since start:    ${mebibytes(writtenBytes)} in ${(uptimeS / 3600).toFixed(1)} hours${uptimeS < DAY_S / 24 ? "" : `, ${mebibytes(writtenBytes / days)} a day`}`,
    ...(dataBytes === undefined ? [] : [`data partition: ${mebibytes(dataBytes)} since it was made`]),
    ...(lifeUsedPercent === undefined ? [] : [`life used:      up to ${lifeUsedPercent} %, by the disk's own word`]),
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
