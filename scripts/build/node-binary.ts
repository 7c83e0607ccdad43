import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import * as v from "valibot";
import { type Architecture, architectureOfThisMachine, nodeVersion, root } from "./place.ts";

const run = promisify(execFile);

/** The pinned Node's binary for a processor; the one that is not this machine's is fetched once and checked against the lock file. */
export async function findNode(architecture: Architecture): Promise<string> {
  const packageName = `node-linux-${architecture}`;
  const installed = `${root}/node_modules/${packageName}/bin/node`;
  if (existsSync(installed)) return installed;
  const folder = `${root}/node_modules/.cache/lares/${packageName}-${nodeVersion}`;
  const binary = `${folder}/package/bin/node`;
  if (!existsSync(binary)) await fetchPackage(packageName, folder);
  return binary;
}

/**
 * The command that runs a processor's Node here: itself, or through QEMU's user emulation.
 * @throws naming the Debian packages to install, when the emulator or the other processor's C library is missing
 */
export function emulate(architecture: Architecture): readonly [] | readonly [emulator: string, ...args: string[]] {
  if (architecture === architectureOfThisMachine()) return [];
  const { emulator, libraries, packages } = FOREIGN[architecture];
  const missing = [`/usr/bin/${emulator}`, `${libraries}/lib/libatomic.so.1`].filter((file) => !existsSync(file));
  if (missing.length === 0) return [`/usr/bin/${emulator}`, "-L", libraries];
  throw new Error(
    `running ${architecture} code here needs ${missing.join(" and ")}: apt-get install ${packages.join(" ")}`,
  );
}

const FOREIGN = {
  arm64: {
    emulator: "qemu-aarch64-static",
    libraries: "/usr/aarch64-linux-gnu",
    packages: ["qemu-user-static", "libc6-arm64-cross", "libstdc++6-arm64-cross", "libatomic1-arm64-cross"],
  },
  x64: {
    emulator: "qemu-x86_64-static",
    libraries: "/usr/x86_64-linux-gnu",
    packages: ["qemu-user-static", "libc6-amd64-cross", "libstdc++6-amd64-cross", "libatomic1-amd64-cross"],
  },
} as const;

async function fetchPackage(packageName: string, folder: string): Promise<void> {
  const work = `${folder}.${process.pid}.tmp`;
  mkdirSync(work, { recursive: true });
  try {
    console.log(`fetching ${packageName} ${nodeVersion}`);
    await run("npm", ["pack", "--silent", `${packageName}@${nodeVersion}`, "--pack-destination", work], { cwd: work });
    const archive = `${work}/${packageName}-${nodeVersion}.tgz`;
    verify(packageName, archive);
    await run("tar", ["-xzf", archive, "-C", work, "package/bin/node", "package/LICENSE", "package/package.json"]);
    rmSync(archive);
    rmSync(folder, { recursive: true, force: true });
    renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const LockSchema = v.object({ packages: v.record(v.string(), v.object({ integrity: v.optional(v.string()) })) });

function verify(packageName: string, archive: string): void {
  const lock = v.parse(LockSchema, JSON.parse(readFileSync(`${root}/package-lock.json`, "utf8")));
  const wanted = lock.packages[`node_modules/${packageName}`]?.integrity;
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== wanted)
    throw new Error(`${archive} has ${found}, package-lock.json wants ${wanted}: remove it and try again`);
}
