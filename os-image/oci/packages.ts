import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";

/** A package file that dependencies asked for. */
export interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  /** As the archive's signed lists have it; empty where they have another kind. */
  readonly sha256?: string;
}

export interface AptSettings {
  readonly exec: Exec;
  readonly cacheDir: string;
  readonly architecture: string;
  readonly without: readonly string[];
  /** Already in lower layers. */
  readonly present: readonly PackageFile[];
  /** Where packages come from; undefined: this machine's own sources. */
  readonly sources?: AptSources | undefined;
  /** Asks the mirror what it has by now; default: only where nothing is known of it yet. */
  readonly refresh?: boolean | undefined;
}

export interface ResolveOptions extends AptSettings {
  readonly packages: readonly string[];
}

/** Package sources apart from the machine's. */
export interface AptSources {
  /** Names their folder in the cache. */
  readonly name: string;
  /** sources.list(5) in deb822 form. */
  readonly text: string;
}

const DOWNLOAD_TIMEOUT_MS = 600_000;

/**
 * Resolves packages and their dependencies with this machine's apt and its sources, against an installed-set that
 * holds just what lower layers have, and downloads them (apt checks signatures and hashes).
 */
export async function fetchPackages(options: ResolveOptions): Promise<Result<readonly PackageFile[]>> {
  if (options.packages.length === 0) return succeed([]);
  const apt = await prepareApt(options);
  if (!apt.ok) return apt;
  const plan = await planPackages(apt.value, options);
  if (!plan.ok) return plan;
  const download = await options.exec.run([...installWith(apt.value), "--download-only", ...options.packages], {
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
  if (download.code !== 0)
    return fail(
      "image_download",
      `apt cannot download packages: ${lastLine(download.stderr)}`,
      "check the network and the free space of the cache folder",
    );
  return plan;
}

/** What `fetchPackages` would download. */
export async function resolvePackages(options: ResolveOptions): Promise<Result<readonly PackageFile[]>> {
  const apt = await prepareApt(options);
  return apt.ok ? planPackages(apt.value, options) : apt;
}

function installWith(apt: Apt): readonly string[] {
  return ["apt-get", ...apt.options, "install", "--no-install-recommends", "-y"];
}

async function planPackages(apt: Apt, options: ResolveOptions): Promise<Result<readonly PackageFile[]>> {
  // apt prints no address for what it has already, so the plan is made against an empty folder.
  const plan = await options.exec.run(
    [...installWith(apt), "-o", `Dir::Cache::archives=${apt.empty}`, "--print-uris", "-qq", ...options.packages],
    { timeoutMs: 300_000 },
  );
  // Killed for taking too long it has no exit code, and no plan either.
  if (plan.code !== 0 || plan.timedOut)
    return fail(
      "image_packages",
      `apt cannot resolve ${options.packages.join(" ")}: ${plan.timedOut ? "it took longer than five minutes" : lastLine(plan.stderr)}`,
      "run apt-get update, or correct the names",
    );
  const wanted = plan.stdout
    .split("\n")
    .flatMap((line) => /^'[^']+' (\S+)_(\S+)_\S+\.deb \d+ ?(?:SHA256:(\S+))?/.exec(line) ?? []);
  const files: PackageFile[] = [];
  for (let i = 0; i + 3 < wanted.length; i += 4) {
    const [line = "", name = "", version = "", sha256 = ""] = wanted.slice(i, i + 4);
    const file = /^'[^']+' (\S+) /.exec(line)?.[1] ?? "";
    files.push({ name, version: decodeURIComponent(version), path: join(apt.archives, file), sha256 });
  }
  return succeed(files);
}

interface Apt {
  readonly options: readonly string[];
  readonly archives: string;
  readonly empty: string;
}

/** Folders and options that keep apt's state apart from the machine's. */
export async function prepareApt(options: AptSettings): Promise<Result<Apt>> {
  const host = (await options.exec.run(["dpkg", "--print-architecture"])).stdout.trim();
  if (host === "")
    return fail(
      "image_needs_debian",
      "images are built from Debian packages, and this machine has no dpkg",
      "build on Debian or one of its kin",
    );
  const { sources } = options;
  const root = join(
    options.cacheDir,
    "apt",
    `${sources === undefined ? "" : `${sources.name}-`}${options.architecture}`,
  );
  const archives = join(root, "archives");
  const empty = join(root, "empty");
  for (const folder of [archives, empty]) await mkdir(join(folder, "partial"), { recursive: true });
  const status = await installedSet(options);
  const statusFile = join(root, `status-${createHash("sha256").update(status).digest("hex").slice(0, 16)}`);
  await writeFile(statusFile, status);
  const settings = [
    `Dir::State::status=${statusFile}`,
    `Dir::Cache::archives=${archives}`,
    `APT::Architecture=${options.architecture}`,
    `APT::Architectures=${options.architecture}`,
    "Debug::NoLocking=true",
    "Acquire::ForceHash=SHA256",
    "APT::Sandbox::User=root",
    // Extraction runs no hooks; the machine's own must not run either.
    "DPkg::Post-Invoke=",
    "APT::Update::Post-Invoke=",
  ];
  if (sources !== undefined) {
    const list = join(root, "lares.sources");
    await writeFile(list, sources.text);
    settings.push(`Dir::Etc::sourcelist=${list}`, `Dir::Etc::sourceparts=${empty}`);
  }
  const usable = sources === undefined && host === options.architecture && (await hasLists("/var/lib/apt/lists"));
  if (!usable) {
    const lists = join(root, "lists");
    await mkdir(join(lists, "partial"), { recursive: true });
    settings.push(`Dir::State::lists=${lists}`, `Dir::Cache=${join(root, "cache")}`);
    await mkdir(join(root, "cache"), { recursive: true });
    if (options.refresh === true || !(await hasLists(lists))) {
      const update = await options.exec.run(["apt-get", ...optionsOf(settings), "update", "-qq"], {
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
      });
      if (update.code !== 0)
        return fail("image_lists", `apt-get update: ${lastLine(update.stderr)}`, "check the network and /etc/apt");
    }
  }
  return succeed({ options: optionsOf(settings), archives, empty });
}

function optionsOf(settings: readonly string[]): readonly string[] {
  return settings.flatMap((setting) => ["-o", setting]);
}

/**
 * dpkg's status file for what is there, and for what the layer does without. What is there carries its whole control
 * paragraph: apt takes a package whose fields differ from the archive's for another build and would fetch it again.
 */
async function installedSet(options: AptSettings): Promise<string> {
  const status = "Status: install ok installed\n";
  const paragraphs: string[] = [];
  for (const file of options.present) paragraphs.push(`${status}${await controlOf(options.exec, file)}`);
  for (const name of options.without)
    paragraphs.push(
      `${status}Package: ${name}\nVersion: 999\nArchitecture: ${options.architecture}\nMulti-Arch: allowed\nMaintainer: none\nDescription: done without\n`,
    );
  return paragraphs.join("\n");
}

async function hasLists(dir: string): Promise<boolean> {
  try {
    return (await readdir(dir)).some((name) => name.includes("_Packages"));
  } catch {
    return false;
  }
}

/** The `control` paragraphs of packages, as scanners look for them in images that have no dpkg. */
export async function controlOf(exec: Exec, file: PackageFile): Promise<string> {
  return (await exec.run(["dpkg-deb", "--field", file.path])).stdout;
}

export async function hashFile(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/** What apt complains of. */
export function lastLine(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.filter((line) => line.startsWith("E:")).join("; ") || (lines.at(-1) ?? "no message");
}
