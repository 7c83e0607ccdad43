import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { CodedError, type Result } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { aloneInWork, buildSystem, openTools } from "#os-image/firmware/build/build.ts";
import { ownSigningKey } from "#os-image/firmware/build/bundle.ts";
import { changedPackages, keepLock, lockedVersion, type CacheOptions } from "#os-image/firmware/build/lock.ts";
import { outputsOf, type OutputKind } from "#os-image/firmware/build/output-options.ts";
import { hasOutputs, writeOutputs } from "#os-image/firmware/build/outputs.ts";
import type { Build } from "#os-image/firmware/recipe/recipe.ts";
import { lintBuild } from "#os-image/firmware/recipe/lint.ts";
import { UsageError, type FlagValues, type Output, type RunCommand } from "../command/command.ts";
import { VERSION } from "../version.ts";
import { recipeOf } from "./recipe.ts";

/** Exit code 0 when everything was written, 1 when not, 2 when the recipe is wrong. */
export const osBuild: RunCommand = async (invocation) => {
  const { flags, output } = invocation;
  const build = recipeOf(invocation);
  const kinds = build.ok ? kindsOf(flags, outputsOf(build.value)) : [];
  const wrong = build.ok ? lintBuild(build.value).filter((finding) => finding.severity === "error") : [];
  for (const finding of wrong) output.error(`${finding.where} ${finding.message}: ${finding.hint ?? ""}`);
  if (!build.ok) output.error(build.error.message);
  if (!build.ok || wrong.length > 0) return 2;
  if (process.getuid?.() !== 0)
    throw new CodedError("os_root", "building firmware needs root, for owners of files and mounts", "use sudo");
  const env = createEnv({ logLevel: "warn" });
  const started = env.clock.monotonicMs();
  const onProgress = (message: string): void => {
    output.error(`${((env.clock.monotonicMs() - started) / 1000).toFixed(1).padStart(6)} s  ${message}`);
  };
  try {
    const cacheDir = resolve(flags.value("cache") ?? "dist/os");
    const executable = executableOf(build.value, flags);
    const ifChanged = flags.on("if-changed");
    const version = must(await lockedVersion(build.value, VERSION));
    const isNews = async (): Promise<boolean> =>
      (await anyChange(build.value, { exec: env.exec, cacheDir }, { onProgress, output })) ||
      !(await isMade(build.value, { version, folder: outputOf(flags) }, output));
    if (ifChanged && !(await isNews())) {
      if (flags.on("json")) output.line(JSON.stringify({ version, files: [], packages: 0 }, undefined, 2));
      return 0;
    }
    const making = { env, cacheDir, executable, kinds, updateLock: ifChanged || flags.on("update-lock"), onProgress };
    const made = must(
      await aloneInWork(build.value, { exec: env.exec, cacheDir }, () => makeFiles(build.value, flags, making)),
    );
    onProgress("done");
    if (flags.on("json")) output.line(JSON.stringify(made, undefined, 2));
    else for (const file of made.files) output.line(file);
    return 0;
  } finally {
    env.close();
  }
};

interface Making {
  readonly env: SystemEnv;
  readonly cacheDir: string;
  readonly executable: string;
  readonly kinds: readonly OutputKind[];
  readonly updateLock: boolean;
  readonly onProgress: (message: string) => void;
}

interface Made {
  readonly version: string;
  readonly files: readonly string[];
  /** How many it is made of. */
  readonly packages: number;
}

async function makeFiles(build: Build, flags: FlagValues, making: Making): Promise<Result<Made>> {
  const { env, cacheDir, executable, kinds, updateLock, onProgress } = making;
  const { exec } = env;
  onProgress("tools");
  const workshop = must(await openTools(build, { exec, cacheDir }));
  const signing = must(await signingKey(flags, () => ownSigningKey(`${cacheDir}/keys`, workshop)));
  const built = must(
    await buildSystem(build, {
      exec,
      cacheDir,
      workshop,
      lares: VERSION,
      executable,
      keyring: await readFile(signing.certificate, "utf8"),
      updateLock,
      compression: Number(flags.value("compression") ?? 19),
      onProgress,
    }),
  );
  const options = { exec, build, built, folder: outputOf(flags), kinds, signing, ...publishing(flags), onProgress };
  const files = must(await writeOutputs(options));
  await keepLock(build, built.lock);
  return { ok: true, value: { version: built.version, files, packages: built.packages.length } };
}

function outputOf(flags: FlagValues): string {
  return resolve(flags.value("output") ?? "dist/images");
}

function executableOf({ target }: Build, flags: FlagValues): string {
  const path = resolve(flags.value("executable") ?? `dist/${target.executable}`);
  if (existsSync(path)) return path;
  throw new CodedError(
    "os_no_agent",
    `there is no agent ${path}`,
    "make it with `npm run build`, or name one with -executable",
  );
}

interface Telling {
  readonly onProgress: (message: string) => void;
  readonly output: Output;
}

/** Whether a build would bring other packages than the lock's; they are named. */
async function anyChange(build: Build, tools: CacheOptions, { onProgress, output }: Telling): Promise<boolean> {
  onProgress("looking for newer packages");
  const changes = must(await changedPackages(build, tools));
  for (const change of changes) output.error(change);
  return changes.length > 0;
}

/** Whether there is something of this version: Lares itself may be newer than what was built last. */
async function isMade(build: Build, wanted: { version: string; folder: string }, output: Output): Promise<boolean> {
  const isThere = await hasOutputs(build, wanted);
  output.error(
    isThere
      ? `no package is newer than the lock's, and ${wanted.folder} has ${wanted.version}: nothing to build`
      : `no package is newer than the lock's, but ${wanted.folder} has nothing of ${wanted.version} yet`,
  );
  return isThere;
}

function kindsOf(flags: FlagValues, known: readonly OutputKind[]): readonly OutputKind[] {
  const named = flags.values("only").flatMap((text) => text.split(","));
  if (named.length === 0) return known;
  return named.map((name) => {
    const kind = known.find((each) => each === name);
    if (kind === undefined) throw new UsageError(`-only takes ${known.join(", ")} for this target; found "${name}"`);
    return kind;
  });
}

/** Where the files will be had, and the channel they belong to. */
function publishing(flags: FlagValues): { readonly baseUrl: string; readonly channel: string } {
  const [url, channel = "stable"] = [flags.value("url") ?? "", flags.value("channel")];
  if (url !== "" && !/^https?:\/\/[^/]/.test(url)) throw new UsageError(`-url takes an http(s) URL; found "${url}"`);
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(channel))
    throw new UsageError(`-channel takes a name such as stable or beta; found "${channel}"`);
  return { baseUrl: url === "" || url.endsWith("/") ? url : `${url}/`, channel };
}

async function signingKey(
  flags: FlagValues,
  make: () => ReturnType<typeof ownSigningKey>,
): ReturnType<typeof ownSigningKey> {
  const [key, certificate] = [flags.value("key"), flags.value("certificate")];
  if ((key === undefined) !== (certificate === undefined)) throw new UsageError("give -key and -certificate together");
  if (key === undefined || certificate === undefined) return make();
  return { ok: true, value: { key: resolve(key), certificate: resolve(certificate) } };
}

function must<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new CodedError(result.error.code, result.error.message, result.error.hint);
}
