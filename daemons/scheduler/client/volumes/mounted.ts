import type { Disk } from "#base/env/disk.ts";
import { textOf } from "#base/env/bytes.ts";

export interface Mounted {
  readonly device: string;
  readonly type: string;
  readonly path: string;
}

/** What is mounted there now; the topmost, where there are several. */
export async function mountedAt(disk: Pick<Disk, "read">, path: string): Promise<Mounted | undefined> {
  return (await listMounts(disk)).findLast((each) => each.path === path);
}

/** What the file system that holds a path is mounted from: `/dev/sda1`, `overlay` …; the path is without links. */
export async function deviceUnder(disk: Pick<Disk, "read">, path: string): Promise<string | undefined> {
  const above = (await listMounts(disk)).filter(
    (each) => each.path === "/" || each.path === path || path.startsWith(`${each.path}/`),
  );
  const longest = Math.max(...above.map((each) => each.path.length));
  return above.findLast((each) => each.path.length === longest)?.device;
}

/** All mounts of this process' namespace, in their order. proc_pid_mountinfo(5) */
export async function listMounts(disk: Pick<Disk, "read">): Promise<Mounted[]> {
  const bytes = await disk.read("/proc/self/mountinfo");
  return bytes === undefined ? [] : parseMounts(textOf(bytes));
}

export function parseMounts(text: string): Mounted[] {
  return text.split("\n").flatMap((line): Mounted[] => {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    const [path, type, device] = [fields[4], fields[dash + 1], fields[dash + 2]];
    if (dash < 0 || path === undefined || type === undefined || device === undefined) return [];
    return [{ path: unescapeOctal(path), type, device: unescapeOctal(device) }];
  });
}

/** Spaces, tabs, line ends and backslashes are written in octal there. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
