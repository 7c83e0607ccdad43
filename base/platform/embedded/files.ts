import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { getAssetKeys, getRawAsset, isSea } from "node:sea";

/** Path in the repository → base64 of the Brotli-compressed file. Defined by the build in `lares.mjs`, absent elsewhere. */
declare const LARES_EMBEDDED: Readonly<Record<string, string>> | undefined;

export type Shape = "source" | "bundle" | "executable";

/** Which of its three shapes this program runs in. */
export function programShape(): Shape {
  if (isSea()) return "executable";
  return typeof LARES_EMBEDDED === "undefined" ? "source" : "bundle";
}

/**
 * A file that travels with the program.
 * @param path path in the repository, e.g. `packs/redis-cache/redis-cache.nomad.hcl`
 * @returns its bytes, or undefined when the program carries no such file
 */
export function readEmbedded(path: string): Uint8Array | undefined {
  if (isSea()) return getAssetKeys().includes(path) ? brotliDecompressSync(getRawAsset(path)) : undefined;
  if (typeof LARES_EMBEDDED !== "undefined") {
    const packed = Object.hasOwn(LARES_EMBEDDED, path) ? LARES_EMBEDDED[path] : undefined;
    return packed === undefined ? undefined : brotliDecompressSync(Buffer.from(packed, "base64"));
  }
  return readIfThere(`${sourceRoot()}/${path}`);
}

export function readEmbeddedText(path: string): string | undefined {
  const bytes = readEmbedded(path);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** Paths of the embedded files below a folder (`packs/`), sorted. */
export function listEmbedded(folder: string): string[] {
  const paths = isSea()
    ? getAssetKeys()
    : typeof LARES_EMBEDDED !== "undefined"
      ? Object.keys(LARES_EMBEDDED)
      : listSources(folder);
  return paths.filter((path) => path.startsWith(folder)).toSorted();
}

/** The file this program was started from: the executable or `lares.mjs`. Meaningless in the shape `source`. */
export function programFile(): string {
  return isSea() ? process.execPath : fileURLToPath(import.meta.url);
}

/** The name of the program's code in stack traces; the build gives the executable's main module this one. */
export function programCodeName(): string {
  return isSea() ? "lares.cjs" : programFile();
}

/** Root of the source tree; meaningful only in the shape `source`. */
export function sourceRoot(): string {
  return fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
}

function listSources(folder: string): string[] {
  const root = sourceRoot();
  if (!existsSync(`${root}/${folder}`)) return [];
  return readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length + 1).replaceAll("//", "/"));
}

function readIfThere(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EISDIR"))
      return undefined;
    throw error;
  }
}
