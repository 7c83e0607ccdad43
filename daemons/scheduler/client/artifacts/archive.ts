/** `tree`: many files; `stream`: one file, compressed. */
export type Archive = "tree" | "stream";

const TREES = ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tbz2", "tar.xz", "txz", "tar.zst", "tzst"];
const STREAMS = ["gz", "bz2", "xz", "zst"];

/** By the end of a name. */
export function archiveOf(path: string): Archive | undefined {
  const name = path.toLowerCase();
  if (TREES.some((ending) => name.endsWith(`.${ending}`))) return "tree";
  return STREAMS.some((ending) => name.endsWith(`.${ending}`)) ? "stream" : undefined;
}

/** By what an `archive` option says. */
export function archiveNamed(kind: string): Archive | undefined {
  if (TREES.includes(kind)) return "tree";
  return STREAMS.includes(kind) ? "stream" : undefined;
}

/** What a compressed file is called without its compression. */
export function withoutCompression(name: string): string {
  return name.replace(/\.(gz|bz2|xz|zst)$/i, "");
}
