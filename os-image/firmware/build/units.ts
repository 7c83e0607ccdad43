import { mkdir, readFile, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Role } from "../recipe/recipe.ts";

const FOLDERS = ["etc/systemd/system", "usr/lib/systemd/system"];

/** Enables and masks units of a tree, as `systemctl --root` would, without running anything. */
export async function arrangeUnits(root: string, roles: readonly Role[]): Promise<Result<void>> {
  const own = join(root, "etc/systemd/system");
  for (const unit of roles.flatMap((role) => role.enable)) {
    const text = await unitText(root, unit);
    if (text === undefined)
      return fail("os_unit", `there is no unit ${unit} to enable`, "a package or a file of a role has to bring it");
    const targets = wantedBy(text);
    if (targets.length === 0)
      return fail("os_unit", `${unit} does not say when it is started`, "it needs WantedBy= in [Install]");
    for (const { target, kind } of targets) await place(join(own, `${target}.${kind}`, unit), unitPath(unit));
  }
  for (const unit of roles.flatMap((role) => role.mask)) await place(join(own, unit), "/dev/null");
  const [target] = roles.flatMap((role) => role.default ?? []);
  if (target !== undefined) await place(join(own, "default.target"), unitPath(target));
  return succeed(undefined);
}

function unitPath(unit: string): string {
  return `/usr/lib/systemd/system/${unit}`;
}

async function unitText(root: string, unit: string): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    const text = await readFile(join(root, folder, unit), "utf8").catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** systemd.unit(5), section [Install]. */
function wantedBy(text: string): readonly { readonly target: string; readonly kind: string }[] {
  const kinds = { WantedBy: "wants", RequiredBy: "requires" };
  return Object.entries(kinds).flatMap(([key, kind]) =>
    [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))]
      .flatMap((match) => (match[1] ?? "").split(/\s+/).filter((name) => name !== ""))
      .map((target) => ({ target, kind })),
  );
}

async function place(path: string, target: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  await symlink(target, path);
}
