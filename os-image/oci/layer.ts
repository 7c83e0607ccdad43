import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import * as v from "valibot";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { digestOf, packTree, type LayerBlob } from "./archive.ts";
import { fetchPackages, hashFile, type AptSources, type PackageFile } from "./packages.ts";
import { provision } from "./provision.ts";
import type { Layer, Provisioner } from "./recipe.ts";
import { inside, layOut, type Accounts } from "./tree.ts";

/** Rises when the same recipe would come out differently. */
const BUILDER_VERSION = 2;

const MetaSchema = v.object({
  diffId: v.string(),
  packages: v.array(v.object({ name: v.string(), version: v.string(), path: v.string() })),
  accounts: v.object({ passwd: v.string(), group: v.string() }),
});

/** What a layer hands to the one above it. */
export interface BuiltLayer {
  readonly key: string;
  readonly blob: LayerBlob;
  readonly tree: string;
  /** Of this layer and all below. */
  readonly packages: readonly PackageFile[];
  readonly accounts: Accounts;
  readonly fromCache: boolean;
}

export interface LayerOptions {
  readonly exec: Exec;
  readonly cacheDir: string;
  readonly architecture: string;
  readonly privileged: boolean;
  /** Top first. */
  readonly below: readonly BuiltLayer[];
  /** Where packages come from; undefined: this machine's own sources. */
  readonly sources?: AptSources | undefined;
}

/** Builds a layer, or takes it from the cache when its recipe, its packages' versions and all below are the same. */
export async function buildLayer(layer: Layer, options: LayerOptions): Promise<Result<BuiltLayer>> {
  const present = options.below[0]?.packages ?? [];
  const fetched = await fetchPackages({ ...options, packages: layer.packages, without: layer.without, present });
  if (!fetched.ok) return fetched;
  const key = await layerKey(layer, fetched.value, options);
  const dir = join(options.cacheDir, "layers", key);
  const cached = await readCached(layer.name, key, dir);
  if (cached !== undefined) return succeed(cached);
  const partial = `${dir}.partial`;
  await rm(partial, { recursive: true, force: true });
  const made = await makeLayer(layer, partial, { ...options, packages: fetched.value });
  if (!made.ok) {
    await rm(partial, { recursive: true, force: true });
    return made;
  }
  await rm(dir, { recursive: true, force: true });
  await rename(partial, dir);
  const built = await readCached(layer.name, key, dir);
  return built === undefined
    ? fail("image_cache", `layer ${layer.name} vanished from the cache ${dir}`)
    : succeed({ ...built, fromCache: false });
}

/** Tree of a layer that stands on nothing. */
export async function layerTree(layer: Layer, options: Omit<LayerOptions, "below">): Promise<Result<string>> {
  const { exec, cacheDir, architecture, privileged, sources } = options;
  const built = await buildLayer(layer, { exec, cacheDir, architecture, privileged, sources, below: [] });
  return built.ok ? succeed(built.value.tree) : built;
}

interface MakeOptions extends LayerOptions {
  readonly packages: readonly PackageFile[];
}

async function makeLayer(layer: Layer, dir: string, options: MakeOptions): Promise<Result<void>> {
  const tree = join(dir, "tree");
  await mkdir(tree, { recursive: true });
  const below = options.below[0];
  const laid = await layOut(layer, {
    exec: options.exec,
    root: tree,
    packages: options.packages,
    accounts: below?.accounts ?? { passwd: "", group: "" },
    privileged: options.privileged,
  });
  if (!laid.ok) return laid;
  const ran = await provision(layer, {
    exec: options.exec,
    tree,
    lowers: options.below.map((lower) => lower.tree),
    work: dir,
    toolsTree: (tools) => layerTree(tools, options),
  });
  if (!ran.ok) return ran;
  for (const path of layer.remove) await rm(inside(tree, path), { recursive: true, force: true });
  // Lower layers brought the merged-/usr links, and the mount points for commands are no content.
  const exclude = below === undefined ? [] : ["bin", "sbin", "lib", "lib64"];
  const tar = join(dir, "layer.tar");
  const packed = await packTree({
    exec: options.exec,
    root: tree,
    target: tar,
    privileged: options.privileged,
    exclude,
  });
  if (!packed.ok) return packed;
  const meta = {
    diffId: await digestOf(tar),
    packages: [...(below?.packages ?? []), ...options.packages],
    accounts: laid.value,
  };
  await writeFile(join(dir, "layer.json"), JSON.stringify(meta));
  return succeed(undefined);
}

async function layerKey(layer: Layer, packages: readonly PackageFile[], options: LayerOptions): Promise<string> {
  const sources: string[] = [];
  for (const file of layer.files) sources.push(file.source === undefined ? "" : await hashFile(file.source));
  const { provisioners, ...plain } = layer;
  const parts = {
    builder: BUILDER_VERSION,
    ...(provisioners.length === 0 ? {} : { provisioners: await hashProvisioners(provisioners) }),
    layer: { ...plain, files: layer.files.map((file, at) => ({ ...file, source: sources[at] })) },
    packages: packages.map((file) => `${file.name}=${file.version}`),
    below: options.below[0]?.key ?? "",
    sources: options.sources?.text ?? "",
    architecture: options.architecture,
    privileged: options.privileged,
  };
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** With all that lies in their folders. */
async function hashProvisioners(provisioners: readonly Provisioner[]): Promise<readonly unknown[]> {
  const hashed: unknown[] = [];
  for (const each of provisioners) {
    const folder = dirname(each.file);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const sums: string[] = [];
    for (const path of files.toSorted()) sums.push(`${relative(folder, path)} ${await hashFile(path)}`);
    hashed.push({ ...each, file: basename(each.file), sums });
  }
  return hashed;
}

async function readCached(name: string, key: string, dir: string): Promise<BuiltLayer | undefined> {
  try {
    const meta = v.parse(MetaSchema, JSON.parse(await readFile(join(dir, "layer.json"), "utf8")));
    const tar = join(dir, "layer.tar");
    await stat(tar);
    return {
      key,
      blob: { name, diffId: meta.diffId, tar },
      tree: join(dir, "tree"),
      packages: meta.packages,
      accounts: meta.accounts,
      fromCache: true,
    };
  } catch {
    return undefined;
  }
}
