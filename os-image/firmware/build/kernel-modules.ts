import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Workshop } from "./workshop.ts";

/** Path of a module below the kernel's folder → those it needs, as depmod found them. */
export type Dependencies = ReadonlyMap<string, readonly string[]>;

/** `modules.dep`: https://man7.org/linux/man-pages/man5/modules.dep.5.html */
export function parseDependencies(text: string): Dependencies {
  const lines = text.split("\n").filter((line) => line.includes(":"));
  return new Map(
    lines.map((line) => {
      const [path = "", needs = ""] = line.split(":", 2);
      return [path, needs.split(" ").filter((each) => each !== "")];
    }),
  );
}

/** Modules below the given folders and files, and all they need. */
export function keptModules(known: Dependencies, wanted: readonly string[]): ReadonlySet<string> {
  const kept = new Set<string>();
  for (const [path, needs] of known) {
    const plain = path.replace(/\.xz$/, "");
    if (!wanted.some((each) => plain === each || path.startsWith(`${each}/`))) continue;
    for (const each of [path, ...needs]) kept.add(each);
  }
  return kept;
}

/** Modules by name (`virtio_blk`, `nls_iso8859-1`), and all they need, each after those it needs. Built-in ones have no file. */
export function namedModules(known: Dependencies, names: readonly string[]): readonly string[] {
  const byName = new Map([...known.keys()].map((path) => [moduleName(path), path]));
  const found = new Set<string>();
  for (const name of names) {
    const path = byName.get(name.replaceAll("-", "_"));
    if (path === undefined) continue;
    for (const each of [...(known.get(path) ?? []).toReversed(), path]) found.add(each);
  }
  return [...found];
}

function moduleName(path: string): string {
  return (path.split("/").at(-1) ?? "").replace(/\.ko(\.xz)?$/, "").replaceAll("-", "_");
}

export interface Kernel {
  readonly version: string;
  /** Of what was kept. */
  readonly dependencies: Dependencies;
}

/** Leaves of a tree's kernel modules those that are wanted and what they need. */
export async function trimModules(
  workshop: Workshop,
  tree: string,
  wanted: readonly string[],
): Promise<Result<Kernel>> {
  const folder = join(workshop.work, tree, "usr/lib/modules");
  const [version, ...more] = await readdir(folder).catch((): string[] => []);
  if (version === undefined || more.length > 0)
    return fail("os_kernel", `the tree holds ${version === undefined ? "no kernel" : "several kernels"}`, "name one");
  const modules = join(folder, version);
  const depmod = ["depmod", "--basedir", `/making/${tree}`, version];
  const first = await workshop.run(depmod);
  if (!first.ok) return first;
  const known = parseDependencies(await readFile(join(modules, "modules.dep"), "utf8"));
  const kept = keptModules(known, wanted);
  for (const path of known.keys()) if (!kept.has(path)) await rm(join(modules, path));
  await removeEmpty(join(modules, "kernel"));
  const second = await workshop.run(depmod);
  if (!second.ok) return second;
  const dependencies = parseDependencies(await readFile(join(modules, "modules.dep"), "utf8"));
  return succeed({ version, dependencies });
}

async function removeEmpty(folder: string): Promise<boolean> {
  let empty = true;
  for (const entry of await readdir(folder, { withFileTypes: true }))
    empty = entry.isDirectory() && (await removeEmpty(join(folder, entry.name))) && empty;
  if (empty) await rmdir(folder);
  return empty;
}
