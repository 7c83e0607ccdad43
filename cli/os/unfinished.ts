import { join } from "node:path";
import type { Disk } from "#base/env/disk.ts";
import { readMembership } from "../agent/internal/membership.ts";

interface Folders {
  /** What the agent keeps. */
  readonly data: string;
  /** Its configuration. */
  readonly config: string;
}

/**
 * Looks at what an earlier start left, when the power failed while this machine became a member. A cluster that was founded
 * to half has no member yet and nobody ever served it: it is put aside (`data` with `.unfinished`), and founded anew.
 * @returns whether the machine is a member already; then only the note of it is missing
 */
export async function resumeBecoming(disk: Disk, { data, config }: Folders): Promise<boolean> {
  const file = join(config, "lares.hcl");
  const membership = await readMembership(disk, data).catch(() => undefined);
  if (membership !== undefined && (await disk.stat(file)) !== undefined) return true;
  if ((await disk.list(join(data, "state"))).length === 0) return false;
  const aside = `${data}.unfinished`;
  await disk.remove(aside);
  await disk.rename(data, aside);
  await disk.makeDir(data, { mode: 0o711 });
  await disk.remove(file);
  return false;
}
