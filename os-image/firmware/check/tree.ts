import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { FileFacts, Subject, UnitFacts } from "./subject.ts";

const MAX_LINKS = 20;
const FOLDERS = ["etc/systemd/system", "usr/lib/systemd/system"];

/** A tree as it lies in a folder; `/` is the machine's own. */
export function treeSubject(root: string): Subject {
  return {
    async stat(path) {
      const own = join(root, path);
      const found = await lstat(await parentOf(root, own)).catch(() => undefined);
      if (found === undefined) return undefined;
      const target = found.isSymbolicLink() ? await readlink(await parentOf(root, own)) : undefined;
      const facts: FileFacts = { mode: (found.mode & 0o7777).toString(8).padStart(4, "0"), target };
      return facts;
    },
    text: async (path) => readFile(await followed(root, path), "utf8").catch(() => undefined),
    unit: (name) => unitFacts(root, name),
    live: undefined,
  };
}

/** The folder's links are followed, the last part's not. */
async function parentOf(root: string, path: string): Promise<string> {
  const folder = await followed(root, dirname(path).slice(root === "/" ? 0 : root.length) || "/");
  return join(folder, path.split("/").at(-1) ?? "");
}

/** Links that are absolute begin at the tree's root. */
async function followed(root: string, path: string): Promise<string> {
  let rest = path.split("/").filter((part) => part !== "");
  let at = root;
  for (let links = 0; rest.length > 0;) {
    const [part = "", ...more] = rest;
    rest = more;
    const next = resolve(at, part);
    const target = links < MAX_LINKS ? await readlink(next).catch(() => undefined) : undefined;
    if (target === undefined) at = next;
    else {
      links += 1;
      if (target.startsWith("/")) at = root;
      rest = [...target.split("/").filter((each) => each !== ""), ...rest];
    }
  }
  return at;
}

async function unitFacts(root: string, name: string): Promise<UnitFacts> {
  const masked = await readlink(join(root, "etc/systemd/system", name)).then(
    (target) => target === "/dev/null",
    () => false,
  );
  let [exists, enabled] = [false, false];
  for (const folder of FOLDERS) {
    const names = await readdir(join(root, folder)).catch((): string[] => []);
    if (names.includes(name)) exists = true;
    for (const wants of names.filter((each) => /\.(wants|requires)$/.test(each))) {
      const inside = await readdir(join(root, folder, wants)).catch((): string[] => []);
      if (inside.includes(name)) enabled = true;
    }
  }
  return { exists: exists && !masked, enabled: enabled && !masked, masked };
}
