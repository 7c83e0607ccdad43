import { chmod, chown, copyFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { controlOf, type PackageFile } from "./packages.ts";
import type { Layer } from "./recipe.ts";

/** Where Debian merged /bin and its kin into /usr; packages may still name the old places. */
const MERGED = ["bin", "sbin", "lib", "lib64"];

export interface TreeOptions {
  readonly exec: Exec;
  readonly root: string;
  readonly packages: readonly PackageFile[];
  /** Text of the lower layers' passwd and group, to which users are added. */
  readonly accounts: Accounts;
  /** Whether files may be given owners. */
  readonly privileged: boolean;
}

export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

/** Lays out a layer's packages, folders, files, links and users under `root`. Nothing of a package is executed. */
export async function layOut(layer: Layer, options: TreeOptions): Promise<Result<Accounts>> {
  const { root } = options;
  for (const name of MERGED) {
    await mkdir(join(root, "usr", name), { recursive: true });
    await symlink(`usr/${name}`, join(root, name));
  }
  for (const file of options.packages) {
    const unpacked = await unpack(file, options);
    if (!unpacked.ok) return unpacked;
  }
  for (const entry of layer.directories) {
    const path = inside(root, entry.path);
    await mkdir(path, { recursive: true });
    await own(path, entry, options);
  }
  for (const entry of layer.files) {
    const path = inside(root, entry.path);
    await mkdir(dirname(path), { recursive: true });
    if (entry.source === undefined) await writeFile(path, entry.content ?? "");
    else await copyFile(entry.source, path);
    await own(path, entry, options);
  }
  for (const entry of layer.links) {
    const path = inside(root, entry.path);
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { force: true });
    await symlink(entry.target, path);
  }
  return succeed(await addUsers(layer, options));
}

async function unpack(file: PackageFile, options: TreeOptions): Promise<Result<void>> {
  const staging = `${options.root}.deb.tar`;
  try {
    // dpkg-deb writes the tar to its output; tar keeps our /bin → usr/bin links when a package brings a folder of that name.
    const child = await options.exec.run(
      [
        "/bin/sh",
        "-ec",
        'dpkg-deb --fsys-tarfile "$1" > "$2"; exec tar --extract --file "$2" --directory "$3" --keep-directory-symlink --preserve-permissions $4',
        "sh",
        file.path,
        staging,
        options.root,
        options.privileged ? "--numeric-owner" : "--no-same-owner",
      ],
      { timeoutMs: 300_000 },
    );
    if (child.code !== 0)
      return fail(
        "image_unpack",
        `cannot unpack ${file.name} ${file.version}: ${child.stderr.trim()}`,
        "remove it from the cache folder and try again",
      );
    const status = join(options.root, "var/lib/dpkg/status.d", file.name);
    await mkdir(dirname(status), { recursive: true });
    await writeFile(status, await controlOf(options.exec, file));
    return succeed(undefined);
  } finally {
    await rm(staging, { force: true });
  }
}

async function addUsers(layer: Layer, options: TreeOptions): Promise<Accounts> {
  const seen = await writtenAccounts(options);
  if (layer.users.length === 0) return seen;
  const passwd = layer.users
    .map((user) => `${user.name}:x:${user.uid}:${user.gid}::${user.home}:${user.shell}\n`)
    .join("");
  const group = layer.users.map((user) => `${user.name}:x:${user.gid}:\n`).join("");
  const accounts = { passwd: seen.passwd + passwd, group: seen.group + group };
  await mkdir(join(options.root, "etc"), { recursive: true });
  await writeFile(join(options.root, "etc/passwd"), accounts.passwd);
  await writeFile(join(options.root, "etc/group"), accounts.group);
  return accounts;
}

async function writtenAccounts(options: TreeOptions): Promise<Accounts> {
  const read = (name: string, otherwise: string): Promise<string> => {
    const path = join(options.root, "etc", name);
    return readFile(path, "utf8").catch(() => otherwise);
  };
  return { passwd: await read("passwd", options.accounts.passwd), group: await read("group", options.accounts.group) };
}

async function own(
  path: string,
  entry: { mode: number; uid: number; gid: number },
  options: TreeOptions,
): Promise<void> {
  await chmod(path, entry.mode);
  if (options.privileged) await chown(path, entry.uid, entry.gid);
}

/** A path of the image under `root`; `..` cannot climb out of it. */
export function inside(root: string, path: string): string {
  return join(root, normalize(`/${path}`));
}
