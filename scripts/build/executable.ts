import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { promisify } from "node:util";
import type { Program } from "./bundle.ts";
import { pack } from "./embedded-assets.ts";
import { keepEnglishData } from "./icu-data.ts";
import { emulate, findNode } from "./node-binary.ts";
import { hashInputs, makeOnce } from "./output.ts";
import { type Architecture, nodeVersion } from "./place.ts";
import { stripExecutable } from "./strip.ts";

const run = promisify(execFile);

/** Flags of the runtime inside the executable. */
const EXEC_ARGV = ["--disable-warning=ExperimentalWarning"];

/** What becomes of the runtime. */
const RECIPE = ["executable.ts", "icu-data.ts", "strip.ts"];

export type ExecutableOptions = {
  architecture: Architecture;
  program: Program;
  /** Starts some 60 ms faster; costs a run of the processor's own Node, emulated if need be. */
  codeCache: boolean;
};

/**
 * `lares-linux-<arch>`: the pinned Node, stripped and speaking English alone, with the program, its code cache and its assets inside
 * (https://nodejs.org/api/single-executable-applications.html). A code cache is made by the engine that will read it, so
 * the other processor's Node runs under QEMU for that.
 */
export async function buildExecutable(path: string, options: ExecutableOptions): Promise<"made" | "kept"> {
  const { architecture, program, codeCache } = options;
  const assets = new Map([...program.assets].filter(([name]) => !isForeign(name, architecture)));
  assets.set("lares.map", program.map);
  const recipe = RECIPE.map((file) => readFileSync(new URL(file, import.meta.url), "utf8"));
  const settings = JSON.stringify([nodeVersion, architecture, codeCache]);
  const inputs = hashInputs([...recipe, settings, program.code, ...[...assets].flat()]);
  return makeOnce(path, inputs, (partial) => build(partial, options, assets));
}

async function build(
  output: string,
  { architecture, program, codeCache }: ExecutableOptions,
  assets: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  // In the output's own folder: renaming within one file system is atomic.
  mkdirSync(posix.dirname(output), { recursive: true });
  const work = mkdtempSync(`${output}-`);
  try {
    const node = await findNode(architecture);
    writeFileSync(`${work}/node`, keepEnglishData(stripExecutable(readFileSync(node))), { mode: 0o755 });
    writeFileSync(`${work}/lares.cjs`, program.code);
    const assetFiles = [...assets].map(([name, bytes], index): [string, string] => {
      writeFileSync(`${work}/asset-${index}`, pack(bytes));
      return [name, `${work}/asset-${index}`];
    });
    const config = {
      // Relative: this name is what stack traces show.
      main: "lares.cjs",
      mainFormat: "commonjs",
      executable: `${work}/node`,
      output: `${work}/lares`,
      disableExperimentalSEAWarning: true,
      useCodeCache: codeCache,
      execArgv: EXEC_ARGV,
      execArgvExtension: "env",
      assets: Object.fromEntries(assetFiles),
    };
    writeFileSync(`${work}/sea.json`, JSON.stringify(config));
    // Without a code cache any Node can put the pieces together.
    const builder: readonly string[] = codeCache ? [...emulate(architecture), node] : [process.execPath];
    await run("env", [...builder, "--build-sea", `${work}/sea.json`], { cwd: work });
    chmodSync(`${work}/lares`, 0o755);
    renameSync(`${work}/lares`, output);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function isForeign(asset: string, architecture: Architecture): boolean {
  return asset.startsWith("native/") && !asset.endsWith(`-${architecture}.node`);
}
