import type { Disk } from "#base/env/disk.ts";
import { listNames } from "./sysfs.ts";

/** What is found at most for one pattern: a mistyped one must not list a whole disk. */
const MAX_MATCHES = 256;

/** Paths that exist and match: `*` and `?` stand for anything within one part of a path. */
export async function matchPaths(disk: Disk, pattern: string): Promise<readonly string[]> {
  let found: readonly string[] = [""];
  for (const part of pattern.split("/").slice(1)) {
    const next: string[] = [];
    for (const folder of found) {
      if (!/[*?]/.test(part)) next.push(`${folder}/${part}`);
      else
        for (const name of await listNames(disk, folder || "/"))
          if (isMatch(name, part)) next.push(`${folder}/${name}`);
    }
    found = next.slice(0, MAX_MATCHES);
  }
  const there = await Promise.all(found.map((path) => disk.stat(path).catch(() => undefined)));
  return found.filter((_, index) => there[index] !== undefined);
}

/** Whether a whole path matches a pattern; without looking at any disk. */
export function matchesPath(path: string, pattern: string): boolean {
  const [parts, wanted] = [path.split("/"), pattern.split("/")];
  return parts.length === wanted.length && parts.every((part, index) => isMatch(part, wanted[index] ?? ""));
}

/** Walks both texts once and returns to the last `*` when it must: never worse than their lengths multiplied. */
function isMatch(name: string, pattern: string): boolean {
  let [at, wanted, star, resume] = [0, 0, -1, 0];
  while (at < name.length) {
    if (pattern[wanted] === "*") {
      star = wanted++;
      resume = at;
    } else if (pattern[wanted] === "?" || pattern[wanted] === name[at]) {
      at += 1;
      wanted += 1;
    } else if (star >= 0) {
      wanted = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[wanted] === "*") wanted += 1;
  return wanted === pattern.length;
}
