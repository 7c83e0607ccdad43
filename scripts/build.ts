import { parseArgs } from "node:util";
import { bundleExecutableMain, bundleModule, laresRecipe, type Program } from "./build/bundle.ts";
import { buildDeb, debContents, debianArchitecture } from "./build/deb.ts";
import { buildExecutable } from "./build/executable.ts";
import { thirdPartyNotices } from "./build/notices.ts";
import { writeOutput } from "./build/output.ts";
import { type Architecture, architectures, laresVersion, root } from "./build/place.ts";

const TARGETS = ["mjs", ...architectures, "deb"] as const;
type Target = (typeof TARGETS)[number];

const { positionals, values } = parseArgs({ allowPositionals: true, options: { out: { type: "string" } } });
const dist = values.out ?? `${root}/dist`;
const wanted = positionals.length === 0 ? TARGETS : positionals.map(parseTarget);

const withDeb = wanted.includes("deb");
// With no processor named, `deb` means a package for each; a package needs its executable.
const named = architectures.filter((architecture) => wanted.includes(architecture));
const executables = withDeb && named.length === 0 ? architectures : named;

if (wanted.includes("mjs")) await buildModule();
if (executables.length > 0) {
  const program = await bundleExecutableMain(laresRecipe());
  const notices = await thirdPartyNotices([program.metafile]);
  // One after the other: each holds Node's 120 MB in memory, and the emulated one is slow enough without company.
  for (const architecture of executables) {
    await buildOne(architecture, program);
    if (withDeb) await buildPackage(architecture, notices);
  }
}

async function buildModule(): Promise<void> {
  const started = performance.now();
  const { code, map, metafile } = await bundleModule(laresRecipe());
  writeOutput(`${dist}/lares.mjs`, code, 0o755);
  writeOutput(`${dist}/lares.mjs.map`, map);
  writeOutput(`${dist}/THIRD-PARTY-NOTICES`, await thirdPartyNotices([metafile]));
  report("lares.mjs", "made", started);
}

async function buildOne(architecture: Architecture, program: Program): Promise<void> {
  const started = performance.now();
  const name = `lares-linux-${architecture}`;
  report(name, await buildExecutable(`${dist}/${name}`, { architecture, program, codeCache: true }), started);
}

async function buildPackage(architecture: Architecture, notices: string): Promise<void> {
  const started = performance.now();
  const name = `lares_${laresVersion}_${debianArchitecture[architecture]}.deb`;
  const contents = debContents(`${dist}/lares-linux-${architecture}`, notices);
  report(name, await buildDeb(`${dist}/${name}`, { architecture, contents, compression: 6 }), started);
}

function report(name: string, outcome: "made" | "kept", started: number): void {
  console.log(`${outcome} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}

function parseTarget(text: string): Target {
  const target = TARGETS.find((each) => each === text);
  if (target !== undefined) return target;
  console.error(`build: no such target '${text}'; there are ${TARGETS.join(", ")}`);
  process.exit(2);
}
