import * as v from "valibot";
import { build, type BuildOptions, type Metafile } from "esbuild";
import { type Assets, collectAssets, listWorkers, pack } from "./embedded-assets.ts";
import { asciiPackages, bundledAddons, bundledVersion } from "./plugins.ts";
import { nodeVersion, root } from "./place.ts";

export type Bundle = { code: Uint8Array; map: Uint8Array; metafile: Metafile };

export type Program = Bundle & { assets: Assets };

/** What becomes a program: its first module and its worker threads, as paths in the repository. */
export type Recipe = { entry: string; workers: readonly string[] };

export function laresRecipe(): Recipe {
  return { entry: "cli/main.ts", workers: listWorkers() };
}

/**
 * `lares.mjs`: one file with its assets inside; its map lies beside it. The code is the executables' CommonJS inside an ES
 * module, so that nothing newer than what old runtimes know is linked before the version check has spoken.
 */
export async function bundleModule(recipe: Recipe): Promise<Program> {
  const assets = await allAssets(recipe);
  const embedded = Object.fromEntries([...assets].map(([path, bytes]) => [path, pack(bytes).toString("base64")]));
  const bundle = await bundleEntry("lares.mjs", programEntry(recipe), {
    format: "cjs",
    define: { "import.meta.url": "laresUrl", __dirname: '"/"', __filename: '"/lares.mjs"' },
    banner: { js: moduleHead(embedded) },
    footer: { js: "//# sourceMappingURL=lares.mjs.map" },
  });
  return { ...bundle, assets };
}

function moduleHead(embedded: Record<string, string>): string {
  const major = Number.parseInt(nodeVersion, 10);
  const advice = `lares.mjs needs Node ${major} or later; lares-linux-x64 and lares-linux-arm64 have it inside. This is Node `;
  return [
    "#!/usr/bin/env -S node --disable-warning=ExperimentalWarning",
    'import { createRequire as laresCreateRequire } from "node:module";',
    `if (Number.parseInt(process.versions.node, 10) < ${major}) {`,
    `  console.error(${JSON.stringify(advice)} + process.version);`,
    "  process.exit(1);",
    "}",
    "const laresUrl = import.meta.url;",
    "const require = laresCreateRequire(laresUrl);",
    `const LARES_EMBEDDED = ${JSON.stringify(embedded)};`,
  ].join("\n");
}

/** Main program of the executables: CommonJS, because only that can have a code cache; its assets stay outside the code. */
export async function bundleExecutableMain(recipe: Recipe): Promise<Program> {
  const assets = await allAssets(recipe);
  const bundle = await bundleEntry("lares.cjs", programEntry(recipe), {
    format: "cjs",
    define: { "import.meta.url": '"file:///lares"' },
  });
  return { ...bundle, assets };
}

/** The stack mapper comes first, so that it also sees what fails while the rest loads. */
function programEntry({ entry }: Recipe): string {
  return `import "./scripts/build/map-stack-traces.ts"; import "./${entry}";`;
}

async function allAssets({ workers }: Recipe): Promise<Assets> {
  const bundled = await Promise.all(workers.map(bundleWorker));
  return new Map([...collectAssets(), ...bundled.flat()]);
}

/** A worker is started from text, where only CommonJS runs; `sourceURL` gives its frames a name. */
async function bundleWorker(path: string): Promise<[string, Uint8Array][]> {
  const { code, map } = await bundleEntry(path.replaceAll("/", "_"), `import "./${path}";`, {
    format: "cjs",
    define: { "import.meta.url": '"file:///lares"' },
    footer: { js: `//# sourceURL=lares-worker:${path}` },
  });
  return [
    [path, code],
    [`${path}.map`, map],
  ];
}

async function bundleEntry(name: string, entry: string, options: BuildOptions): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    ...options,
    stdin: { contents: entry, resolveDir: root, sourcefile: `start-${name}.ts`, loader: "ts" },
    bundle: true,
    write: false,
    metafile: true,
    outfile: `${root}/dist/${name}`,
    absWorkingDir: root,
    // node_modules may be a link (a git worktree): keep the paths below the root, so that the bytes stay the same.
    preserveSymlinks: true,
    platform: "node",
    target: "node26",
    charset: "ascii",
    legalComments: "none",
    minifySyntax: true,
    minifyWhitespace: true,
    // Names stay, so that stack traces read well even without the map; short lines keep Node's excerpt of a crash short.
    minifyIdentifiers: false,
    lineLimit: 160,
    sourcemap: "external",
    sourcesContent: false,
    plugins: [bundledVersion, bundledAddons, asciiPackages],
    logLevel: "warning",
  });
  const code = outputFiles.find((file) => !file.path.endsWith(".map"));
  const map = outputFiles.find((file) => file.path.endsWith(".map"));
  if (code === undefined || map === undefined) throw new Error(`esbuild gave no code or no map for ${name}`);
  refuseWideText(name, code.text);
  return { code: code.contents, map: repositoryMap(map.text), metafile: metafile };
}

/**
 * One character beyond Latin-1 and the engine keeps the program's whole text at two bytes a character: 5 MB more for as
 * long as it runs. esbuild escapes such characters in strings, and leaves those in regular expressions as they are.
 */
function refuseWideText(name: string, text: string): void {
  // eslint-disable-next-line no-control-regex -- every character of ASCII is meant
  const found = /.{0,40}[^\x00-\x7f].{0,40}/u.exec(text);
  if (found === null) return;
  throw new Error(`${name}: write the characters beyond ASCII of this regular expression as \\u escapes: ${found[0]}`);
}

const SourceMapSchema = v.looseObject({ sources: v.array(v.string()) });

/** Sources are named by their path in the repository instead of by their way from `dist/`. */
function repositoryMap(text: string): Uint8Array {
  const map = v.parse(SourceMapSchema, JSON.parse(text));
  return Buffer.from(
    JSON.stringify({ ...map, sources: map.sources.map((source) => source.replace(/^(\.\.\/)+/, "")) }),
  );
}
