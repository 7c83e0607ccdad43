import { join } from "node:path";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { hashFile, lastLine, prepareApt, type AptSettings, type PackageFile } from "./packages.ts";

const DOWNLOAD_TIMEOUT_MS = 600_000;
/** Hash, package, version. */
const LOCK_LINE = /^([0-9a-f]{64}) {2}([^_/\s]+)_([^_/\s]+)_[a-z0-9]+\.deb$/;

/**
 * The packages a lock names, and no others: from the cache, or downloaded by exact version. Each one's hash is compared.
 * @param lock lines as sha256sum prints them: hash, two spaces, name of the `.deb`
 */
export async function fetchLocked(lock: string, options: AptSettings): Promise<Result<readonly PackageFile[]>> {
  const apt = await prepareApt(options);
  if (!apt.ok) return apt;
  const wanted = parseLock(lock, apt.value.archives);
  if (!wanted.ok) return wanted;
  const absent: PackageFile[] = [];
  for (const file of wanted.value) if (!(await isThere(file))) absent.push(file);
  if (absent.length > 0) {
    const names = absent.map((file) => `${file.name}=${file.version}`);
    const ask = () =>
      options.exec.run(["apt-get", ...apt.value.options, "download", "-qq", ...names], {
        cwd: apt.value.archives,
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
      });
    let download = await ask();
    if (download.code !== 0) {
      // What is known of the mirror may be older than the lock, which somebody else updated.
      const refreshed = await prepareApt({ ...options, refresh: true });
      if (!refreshed.ok) return refreshed;
      download = await ask();
    }
    if (download.code !== 0)
      return fail(
        "os_lock",
        `packages of the lock cannot be had any more: ${lastLine(download.stderr)}`,
        "the mirror keeps the newest versions only; take those with -update-lock",
      );
  }
  for (const file of absent) {
    if (await isThere(file)) continue;
    return fail(
      "os_lock_hash",
      `${file.name} ${file.version} is not what the lock names (sha256 ${file.sha256 ?? ""})`,
      "find out why before you use -update-lock",
    );
  }
  return wanted;
}

export function writeLock(files: readonly PackageFile[]): string {
  const lines = files.map((file) => `${file.sha256 ?? ""}  ${file.path.split("/").at(-1) ?? ""}\n`);
  return lines.toSorted((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join("");
}

/** What one lock has that another has not, a line for each package: `openssl 3.5.1-1 -> 3.5.1-1+deb13u1`. */
export function lockChanges(before: string, after: string): readonly string[] {
  const [old, next] = [versionsIn(before), versionsIn(after)];
  const names = [...new Set([...old.keys(), ...next.keys()])].toSorted();
  return names.flatMap((name) => {
    const [was = "not there", is = "gone"] = [old.get(name), next.get(name)];
    return was === is ? [] : [`${name} ${was} -> ${is}`];
  });
}

/** By name; the same version with another hash is another one. */
function versionsIn(lock: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of lock.split("\n")) {
    const [, sha256, name, version] = LOCK_LINE.exec(line) ?? [];
    if (sha256 === undefined || name === undefined || version === undefined) continue;
    found.set(name, `${decodeURIComponent(version)} (${sha256.slice(0, 8)})`);
  }
  return found;
}

function parseLock(lock: string, archives: string): Result<readonly PackageFile[]> {
  const files: PackageFile[] = [];
  for (const [at, line] of lock.split("\n").entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const [, sha256, file, name, version] =
      /^([0-9a-f]{64}) {2}(([^_/\s]+)_([^_/\s]+)_[a-z0-9]+\.deb)$/.exec(line) ?? [];
    if (sha256 === undefined || file === undefined || name === undefined || version === undefined)
      return fail("os_lock_line", `line ${at + 1} of the lock is "${line}"`, "expected: hash, two spaces, file name");
    files.push({ name, version: decodeURIComponent(version), path: join(archives, file), sha256 });
  }
  return succeed(files);
}

async function isThere(file: PackageFile): Promise<boolean> {
  try {
    return (await hashFile(file.path)) === file.sha256;
  } catch {
    return false;
  }
}
