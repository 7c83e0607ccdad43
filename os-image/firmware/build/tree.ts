import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { provision } from "../../oci/provision.ts";
import type { PackageFile } from "../../oci/packages.ts";
import type { Layer } from "../../oci/recipe.ts";
import { inside, layOut } from "../../oci/tree.ts";
import { readChecks } from "../check/check-tables.ts";
import { evaluate, PACKAGES } from "../check/evaluate.ts";
import { treeSubject } from "../check/tree.ts";
import type { Kind } from "../node/kind.ts";
import type { Build } from "../recipe/recipe.ts";
import { builtAt } from "./built-at.ts";
import { missingLibraries } from "./linked.ts";
import { arrangeUnits } from "./units.ts";

export interface TreeOptions {
  readonly exec: Exec;
  readonly root: string;
  readonly packages: readonly PackageFile[];
  readonly version: string;
  /** File of the agent. */
  readonly executable: string;
  /** PEM: who may sign updates. */
  readonly keyring: string;
  /** Makes a provisioner's programs ready. */
  readonly provisionerTree: (layer: Layer, architecture: string) => Promise<Result<string>>;
}

/** Lays the whole system out under `root`: packages, what the roles bring, the agent, and who it is. */
export async function layOutSystem(build: Build, options: TreeOptions): Promise<Result<void>> {
  const { root, exec, packages } = options;
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  const layer = mergedLayer(build);
  const accounts = { passwd: "", group: "" };
  const laid = await layOut(layer, { exec, root, packages, accounts, privileged: true });
  if (!laid.ok) return laid;
  await gatherAuthorities(root);
  await linkBusybox(root, build);
  await mkdir(join(root, "usr/bin"), { recursive: true });
  await copyFile(options.executable, join(root, "usr/bin/lares"));
  await chmod(join(root, "usr/bin/lares"), 0o755);
  await writeFile(join(root, "usr/lib/os-release"), osRelease(build, options.version));
  await write(join(root, "etc/rauc/keyring.pem"), options.keyring);
  await write(join(root, PACKAGES), packageList(packages));
  await write(join(root, "usr/lib/lares/built"), `${await builtAt(packages)}\n`);
  await cp(join(build.folder, "checks"), join(root, "usr/lib/lares/checks"), { recursive: true });
  const rauc = join(root, "etc/rauc/system.conf");
  await writeFile(rauc, (await readFile(rauc, "utf8")).replaceAll("@COMPATIBLE@", compatible(build)));
  const provisioned = await runRoles(layer, build, options);
  if (!provisioned.ok) return provisioned;
  for (const path of layer.remove) await rm(inside(root, path), { recursive: true, force: true });
  const arranged = await arrangeUnits(root, build.roles);
  return arranged.ok ? checkTree(build, root) : arranged;
}

/** Commands and provisioners of roles, with the system's own programs; they see what the packages and files made. */
async function runRoles(layer: Layer, build: Build, options: TreeOptions): Promise<Result<void>> {
  if (layer.run.length + layer.provisioners.length === 0) return succeed(undefined);
  const { exec, root } = options;
  const architecture = (await exec.run(["dpkg", "--print-architecture"])).stdout.trim();
  if (architecture !== build.target.architecture)
    return fail(
      "os_foreign",
      `roles of target ${build.target.name} run programs for ${build.target.architecture}, and this machine is ${architecture}`,
      "build there, or say with files, links and users what they would do",
    );
  const work = `${root}.provision`;
  const toolsTree = (tools: Layer) => options.provisionerTree(tools, architecture);
  const ran = await provision(layer, { exec, tree: root, lowers: [], work, toolsTree });
  await rm(work, { recursive: true, force: true });
  return ran;
}

/** Of each package name and version, in order. */
export function packageList(packages: readonly PackageFile[]): string {
  const lines = packages.map(({ name, version }) => `${name} ${version}\n`);
  return lines.toSorted().join("");
}

/** What holds in every machine is asked of its tree first. */
async function checkTree({ folder }: Build, root: string): Promise<Result<void>> {
  const path = join(folder, "checks/machine.checks.hcl");
  const text = await readFile(path, "utf8");
  const checks = readChecks(path, () => text);
  if (!checks.ok) return checks;
  const missing = await missingLibraries(root);
  if (missing.length > 0)
    return fail(
      "os_linked",
      `programs of the tree are linked to libraries that are not in it:\n${missing.join("\n")}`,
      "take them out as well (`remove`), or leave the libraries in (`without`)",
    );
  const failed = (await evaluate(checks.value, treeSubject(root))).filter(({ result }) => result === "failed");
  if (failed.length === 0) return succeed(undefined);
  const said = failed.map(({ resource, problem }) => `${resource}: ${problem}`).join("\n");
  return fail(
    "os_checks",
    `the tree is not as its checks say:\n${said}`,
    "correct the recipe, or checks/machine.checks.hcl",
  );
}

/** What an update must be made for. */
export function compatible({ system, target }: Build): string {
  return `${system.name}-${target.name}`;
}

export function kindOf(build: Build): Kind {
  return { compatible: compatible(build), flavour: build.flavour };
}

/** All roles as one layer, in their order. */
export function mergedLayer({ roles, target }: Build): Layer {
  return {
    name: target.name,
    packages: [target.kernel, ...roles.flatMap((role) => role.packages)],
    without: roles.flatMap((role) => role.without),
    directories: roles.flatMap((role) => role.directories),
    files: roles.flatMap((role) => role.files),
    links: roles.flatMap((role) => role.links),
    users: roles.flatMap((role) => role.users),
    run: roles.flatMap((role) => role.run),
    provisioners: roles.flatMap((role) => role.provisioners),
    remove: roles.flatMap((role) => role.remove),
  };
}

/** https://www.freedesktop.org/software/systemd/man/latest/os-release.html */
export function osRelease({ system, target, flavour }: Build, version: string): string {
  const fields = {
    NAME: "Lares",
    ID: "lares",
    ID_LIKE: "debian",
    PRETTY_NAME: `"Lares ${version} (${target.name}, ${flavour})"`,
    VERSION_ID: version,
    VARIANT_ID: flavour,
    IMAGE_ID: `${system.name}-${target.name}`,
    IMAGE_VERSION: version,
  };
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

/** What ca-certificates' script makes: all authorities in one file. */
async function gatherAuthorities(root: string): Promise<void> {
  const folder = join(root, "usr/share/ca-certificates/mozilla");
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith(".crt")).toSorted();
  const texts: string[] = [];
  for (const name of names) texts.push(await readFile(join(folder, name), "utf8"));
  if (texts.length > 0) await write(join(root, "etc/ssl/certs/ca-certificates.crt"), texts.join(""));
  await rm(join(root, "usr/share/ca-certificates"), { recursive: true, force: true });
}

async function linkBusybox(root: string, { roles }: Build): Promise<void> {
  for (const name of roles.flatMap((role) => role.busybox)) {
    const path = join(root, "usr/bin", name);
    await symlink("busybox", path).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
  }
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
