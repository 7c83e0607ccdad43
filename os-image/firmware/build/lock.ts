import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Exec } from "#base/env/exec.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import { aloneInCache } from "../../oci/cache-lock.ts";
import { fetchLocked, lockChanges, writeLock } from "../../oci/locked-packages.ts";
import { fetchPackages, resolvePackages, type AptSources, type PackageFile } from "../../oci/packages.ts";
import type { Build, System } from "../recipe/recipe.ts";
import { raisedLock, versionOf } from "./revision.ts";
import { mergedLayer } from "./tree.ts";

export interface CacheOptions {
  readonly exec: Exec;
  readonly cacheDir: string;
}

export interface TakeOptions extends CacheOptions {
  /** Version of Lares. */
  readonly lares: string;
  /** Takes the newest packages. */
  readonly updateLock: boolean;
}

/** What a system is made of. */
export interface Taken {
  readonly packages: readonly PackageFile[];
  /** Lares' own, or one that counts on from it. */
  readonly version: string;
  /** Text of the lock with these packages, for `keepLock` when the build is through. */
  readonly lock: string;
}

/** The packages of the lock; the newest ones where they are wanted or there is no lock yet. */
export function takePackages(build: Build, options: TakeOptions): Promise<Result<Taken>> {
  return aloneInCache(options, async () => {
    const before = await textOf(build);
    const settings = packageSettings(build, options);
    const isLocked = before !== "" && !options.updateLock;
    const taken = isLocked
      ? await fetchLocked(before, settings)
      : await fetchPackages({ ...settings, refresh: options.updateLock, packages: wantedPackages(build) });
    if (!taken.ok) return taken;
    const packages = isLocked ? taken.value : taken.value.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const lock = isLocked ? succeed(before) : raisedLock(options.lares, before, writeLock(packages));
    if (!lock.ok) return lock;
    const version = versionOf(options.lares, lock.value);
    return version.ok ? succeed({ packages, version: version.value, lock: lock.value }) : version;
  });
}

/**
 * Whether the mirrors have by now other packages than the lock names.
 * @returns a line for each that came, went or has another version; none: a build would bring nothing new
 */
export async function changedPackages(build: Build, options: CacheOptions): Promise<Result<readonly string[]>> {
  const settings = { ...packageSettings(build, options), refresh: true, packages: wantedPackages(build) };
  const newest = await aloneInCache(options, () => resolvePackages(settings));
  if (!newest.ok) return newest;
  return succeed(lockChanges(await textOf(build), writeLock(newest.value)));
}

/** The version that a build from the lock as it is has. */
export async function lockedVersion(build: Build, lares: string): Promise<Result<string>> {
  return versionOf(lares, await textOf(build));
}

/** Comes last: packages of a build that failed are news still, and its version was given to nothing. */
export async function keepLock(build: Build, text: string): Promise<void> {
  if ((await textOf(build)) === text) return;
  const path = lockPath(build);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

/** Beside the system's file: which packages, by hash. */
export function lockPath({ folder, system, target, flavour }: Build): string {
  return join(folder, "locks", `${system.name}-${target.name}-${flavour}.lock`);
}

function textOf(build: Build): Promise<string> {
  return readFile(lockPath(build), "utf8").catch(() => "");
}

function packageSettings(build: Build, { exec, cacheDir }: CacheOptions) {
  const { architecture } = build.target;
  return { exec, cacheDir, architecture, without: mergedLayer(build).without, present: [], sources: sourcesOf(build) };
}

function wantedPackages(build: Build): readonly string[] {
  return [...mergedLayer(build).packages, ...build.target.bootPackages];
}

/** Those of the tools: the same for every target, so that they are made once. */
export function commonSources({ system }: Build): AptSources {
  const common = system.sources.filter(({ targets }) => targets.length === 0);
  return { name: `${system.name}-${system.sources[0]?.suites[0] ?? ""}`, text: aptText(common) };
}

function sourcesOf(build: Build): AptSources {
  const { sources } = build.system;
  const own = sources.filter(({ targets }) => targets.includes(build.target.name));
  const common = commonSources(build);
  if (own.length === 0) return common;
  return { name: `${common.name}-${build.target.name}`, text: `${common.text}\n${aptText(own)}` };
}

function aptText(sources: System["sources"]): string {
  return sources
    .map((source) =>
      [
        "Types: deb",
        `URIs: ${source.uri}`,
        `Suites: ${source.suites.join(" ")}`,
        `Components: ${source.components.join(" ")}`,
        `Signed-By: ${source.keyring}`,
        "",
      ].join("\n"),
    )
    .join("\n");
}
