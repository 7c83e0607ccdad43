import { globSync, readFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";
import { architectures, root } from "./place.ts";

/** Path in the repository (or a name below `native/`) → bytes. */
export type Assets = ReadonlyMap<string, Uint8Array>;

/** Prebuilt binding of serialport for glibc, per processor. */
const SERIALPORT = {
  x64: "linux-x64/@serialport+bindings-cpp.glibc.node",
  arm64: "linux-arm64/@serialport+bindings-cpp.armv8.glibc.node",
} as const;

/** What travels with the program beside its code. */
export function collectAssets(): Assets {
  const patterns = ["packs/**/*", "{base,daemons,drivers,ingress,cli,os-image}/**/*.{hbs,sh}"];
  const paths = globSync(patterns, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".md"))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length + 1));
  const files = paths.map((path): [string, Uint8Array] => [path, readFileSync(`${root}/${path}`)]);
  const bindings = architectures.map((architecture): [string, Uint8Array] => [
    `native/serialport-${architecture}.node`,
    readFileSync(`${root}/node_modules/@serialport/bindings-cpp/prebuilds/${SERIALPORT[architecture]}`),
  ]);
  return new Map([...files, ...bindings].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Sources of worker threads. */
export function listWorkers(): string[] {
  return globSync("{base,daemons,cli}/**/*-worker.ts", { cwd: root }).toSorted();
}

/** Deterministic for one Node version, which is pinned. */
export function pack(bytes: Uint8Array): Buffer {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
}
