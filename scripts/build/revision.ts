import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/** The commit that a folder's files are of, with `-dirty` where tracked ones differ from it. Empty: nobody knows, as in an unpacked archive. */
export function sourceRevision(folder: string): string {
  // A repository further up would tell of something else; in a further work tree `.git` is a file.
  if (!existsSync(`${folder}/.git`)) return "";
  try {
    // No tag fits the excluded pattern, so the commit is named and not its way from a tag.
    const argv = ["-C", folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
    return execFileSync("git", argv, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    // No git, somebody else's folder (git reads none of those), or no commit yet.
    return "";
  }
}
