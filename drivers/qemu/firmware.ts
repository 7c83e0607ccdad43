import { join } from "node:path/posix";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Workshop } from "./workshop.ts";
import { convertImage } from "./images.ts";
import type { Machine } from "./machine.ts";

/** Where Debian's packages ovmf and qemu-efi-aarch64 put code and empty variables, the newer first. */
const UEFI: Readonly<
  Record<string, { readonly package: string; readonly pairs: readonly (readonly [string, string])[] }>
> = {
  x86_64: {
    package: "ovmf",
    pairs: [
      ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
      ["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"],
    ],
  },
  aarch64: {
    package: "qemu-efi-aarch64",
    pairs: [["/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"]],
  },
};

/** UEFI where it is asked for, and where a machine starts from a disk and has nothing else. */
export async function findFirmware(
  { env, task, config }: Workshop,
  { architecture, boots }: { readonly architecture: string; readonly boots: boolean },
): Promise<Result<Machine["firmware"]>> {
  const asked = config.text("firmware");
  if (asked === "bios" || (asked === "" && (architecture !== "aarch64" || boots))) return succeed(undefined);
  const row = UEFI[architecture];
  for (const [code, empty] of row?.pairs ?? []) {
    if ((await env.disk.stat(code)) === undefined || (await env.disk.stat(empty)) === undefined) continue;
    // In a format that holds snapshots.
    const variables = join(task.paths.localDir, ".qemu", "uefi-variables.qcow2");
    if ((await env.disk.stat(variables)) !== undefined) return succeed({ code, variables });
    await env.disk.makeDir(join(variables, ".."));
    const made = await convertImage(env, empty, { to: variables, format: "qcow2" });
    return made.ok ? succeed({ code, variables }) : made;
  }
  const needs =
    row === undefined ? `there is no UEFI for ${architecture}` : `UEFI needs Debian's package ${row.package}`;
  return fail("NO_FIRMWARE", needs);
}
