import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { VERSION } from "#cli/version.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { buildSystem, toolsTree, type Built } from "#os-image/firmware/build/build.ts";
import { ADAPTIVE, STORED } from "#os-image/firmware/build/bundle.ts";
import { outputsOf } from "#os-image/firmware/build/output-options.ts";
import { writeOutputs } from "#os-image/firmware/build/outputs.ts";
import { versionOf } from "#os-image/firmware/build/revision.ts";
import { squashRoot } from "#os-image/firmware/build/squash.ts";
import { openWorkshop, type Workshop } from "#os-image/firmware/build/workshop.ts";
import { readBuild } from "#os-image/firmware/recipe/read-system.ts";
import type { Build } from "#os-image/firmware/recipe/recipe.ts";
import { IMAGE_TIME_S } from "#os-image/oci/archive.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const CACHE = `${ROOT}dist/os`;
/** Where LARES-BOOT begins. */
export const BOOT_OFFSET = 1024 * 1024;

/** What a test makes of a build: disks with a seed, and updates that are good or bad in one way each. */
export class Workbench {
  readonly folder: string;
  readonly env: SystemEnv;
  readonly build: Build;
  /** Tree of the build's tools. */
  readonly tools: string;
  readonly executable: string;
  readonly #workshop: Workshop;

  private constructor({ folder, env, build, tools, workshop }: Opened) {
    this.folder = folder;
    this.env = env;
    this.build = build;
    this.tools = tools;
    this.executable = `${ROOT}dist/${build.target.executable}`;
    this.#workshop = workshop;
  }

  static async open(folder: string, flavour = "minimal", target = "amd64"): Promise<Workbench> {
    const env = createEnv({ logLevel: "warn" });
    const read = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, "utf8") : undefined);
    const build = readBuild(`${ROOT}os-image/firmware/lares.os.hcl`, read, { target, flavour });
    if (!build.ok) throw new Error(build.error.message);
    const tools = await toolsTree(build.value, { exec: env.exec, cacheDir: CACHE });
    if (!tools.ok) throw new Error(tools.error.message);
    mkdirSync(folder, { recursive: true });
    const work = { exec: env.exec, tools: tools.value, work: folder, epoch: IMAGE_TIME_S };
    const workshop = await openWorkshop(work);
    return new Workbench({ folder, env, build: build.value, tools: tools.value, workshop });
  }

  /** Work folder of the build that this is about. */
  get built(): string {
    return built(this.build.target.name, this.build.flavour);
  }

  close(): void {
    this.env.close();
  }

  /** Runs a script among the build's tools; the workbench's folder is `/making`. */
  async tool(script: string): Promise<string> {
    const ran = await this.#workshop.run(["sh", "-ec", script]);
    if (!ran.ok) throw new Error(ran.error.message);
    return ran.value;
  }

  /** A copy of the built disk with files on its first partition that Windows shows. */
  async disk(name: string, files: Readonly<Record<string, string | Uint8Array>>, from = this.built): Promise<string> {
    const path = join(this.folder, name);
    execFileSync("cp", ["--sparse=always", builtDisk(from), path]);
    for (const [file, text] of Object.entries(files)) {
      writeFileSync(join(this.folder, "seed.tmp"), text);
      await this.tool(`mcopy -o -i /making/${name}@@${BOOT_OFFSET} /making/seed.tmp ::${file}`);
    }
    rmSync(join(this.folder, "seed.tmp"), { force: true });
    return path;
  }

  emptyDisk(name: string, size: string): string {
    const path = join(this.folder, name);
    execFileSync("qemu-img", ["create", "-q", "-f", "raw", path, size]);
    return path;
  }

  /** A file of the boot partition of a raw disk; undefined: there is none. */
  bootFile(disk: string, file: string): Promise<string | undefined> {
    return this.tool(`mcopy -n -i /making/${disk}@@${BOOT_OFFSET} ::${file} -`).catch(() => undefined);
  }

  /** The built slot with changes: its root as a folder that `change` (a script run there) alters. */
  async slot(name: string, change: string): Promise<string> {
    const root = join(this.folder, `${name}.root.img`);
    if (existsSync(root)) return root;
    const tree = join(this.folder, `${name}.tree`);
    execFileSync("cp", ["-al", join(this.built, "tree"), tree]);
    // A changed file takes the place of the old one, which the built tree goes on having.
    execFileSync("sh", ["-ec", change], { cwd: tree });
    const level = Number(readFileSync(join(this.built, "compression"), "utf8"));
    const packed = await squashRoot(this.#workshop, { tree: `${name}.tree`, image: `${name}.root.new`, level });
    if (!packed.ok) throw new Error(packed.error.message);
    renameSync(`${root.slice(0, -"img".length)}new`, root);
    rmSync(tree, { recursive: true, force: true });
    return root;
  }

  /** A copy of the recipe, to change. @returns its file */
  recipe(name: string): string {
    const folder = join(this.folder, name);
    rmSync(folder, { recursive: true, force: true });
    for (const each of ["os-image/firmware", "scripts/build/debian"])
      cpSync(join(ROOT, each), join(folder, each), { recursive: true });
    return join(folder, "os-image/firmware/lares.os.hcl");
  }

  /** Builds a system anew, quickly and into a folder of the workbench. */
  async system(name: string, build = this.build, updateLock = false): Promise<Built> {
    const work = join(this.folder, name);
    mkdirSync(work, { recursive: true });
    const { exec } = this.env;
    const workshop = await openWorkshop({ exec, tools: this.tools, work, epoch: IMAGE_TIME_S });
    const built = await buildSystem(build, {
      exec,
      cacheDir: CACHE,
      workshop,
      lares: "1.0.0",
      executable: this.executable,
      keyring: readFileSync(join(CACHE, "keys/signing.pem"), "utf8"),
      updateLock,
      compression: 1,
      onProgress: () => {},
    });
    if (!built.ok) throw new Error(built.error.message);
    return built.value;
  }

  /** Makes all that is published of a system. @returns the folder with it */
  async outputs(name: string, built: Built): Promise<string> {
    const { env, build } = this;
    const folder = join(this.folder, name);
    const signing = { key: join(CACHE, "keys/signing.key"), certificate: join(CACHE, "keys/signing.pem") };
    const of = {
      exec: env.exec,
      build,
      built,
      folder,
      kinds: outputsOf(build),
      signing,
      baseUrl: "",
      channel: "stable",
    };
    const written = await writeOutputs({ ...of, onProgress: () => {} });
    if (!written.ok) throw new Error(written.error.message);
    return folder;
  }

  async bundle(name: string, options: BundleOptions): Promise<string> {
    const {
      root,
      kernel = join(this.built, "kernel.img"),
      version,
      compatible = `lares-${this.build.target.name}`,
      flavour = this.build.flavour,
      stranger = false,
    } = options;
    const made = join(this.folder, `${name}.raucb`);
    if (existsSync(made)) return made;
    const folder = join(this.folder, "bundle");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    execFileSync("cp", ["-l", root, join(folder, "root.img")]);
    execFileSync("cp", ["-l", kernel, join(folder, "kernel.img")]);
    writeFileSync(
      join(folder, "manifest.raucm"),
      `[update]\ncompatible=${compatible}\nversion=${version}\n[bundle]\nformat=verity\n[meta.lares]\nflavour=${flavour}\n[image.rootfs]\nfilename=root.img\n${ADAPTIVE}\n[image.kernel]\nfilename=kernel.img\n${ADAPTIVE}\n`,
    );
    const keys = stranger ? await this.#strangersKey() : join(CACHE, "keys");
    for (const file of ["signing.key", "signing.pem"]) copyFileSync(join(keys, file), join(this.folder, file));
    const signed = "--cert=/making/signing.pem --key=/making/signing.key";
    // Whole or not there: what is there is not made again.
    await this.tool(
      `cd /making; rm -f new.raucb; rauc bundle "${STORED}" ${signed} bundle new.raucb; mv new.raucb ${name}.raucb`,
    );
    rmSync(folder, { recursive: true, force: true });
    return made;
  }

  async #strangersKey(): Promise<string> {
    const folder = join(this.folder, "stranger");
    if (existsSync(folder)) return folder;
    mkdirSync(folder);
    await this.tool(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7300 -subj '/CN=Somebody else' -keyout /making/stranger/signing.key -out /making/stranger/signing.pem 2>/dev/null",
    );
    return folder;
  }
}

interface Opened {
  readonly folder: string;
  readonly env: SystemEnv;
  readonly build: Build;
  readonly tools: string;
  readonly workshop: Workshop;
}

interface BundleOptions {
  readonly root: string;
  readonly kernel?: string;
  readonly version: string;
  readonly compatible?: string;
  readonly flavour?: string;
  /** Signed by a key the image does not know. */
  readonly stranger?: boolean;
}

/** Version of the PC's image without more, as its lock has it. */
export const FIRMWARE_VERSION = firmwareVersion();

function firmwareVersion(): string {
  const lock = readFileSync(`${ROOT}os-image/firmware/locks/lares-amd64-minimal.lock`, "utf8");
  const version = versionOf(VERSION, lock);
  if (!version.ok) throw new Error(version.error.message);
  return version.value;
}

/** Work folder of the last `npm run image`. */
export function built(target = "amd64", flavour = "minimal"): string {
  return join(CACHE, "work", `${target}-${flavour}`);
}

/** A file that the last `npm run image` left for people, by its ending. */
export function output(ending: string): string {
  return `${ROOT}dist/images/lares-amd64-${FIRMWARE_VERSION}.${ending}`;
}

export function needsOutput(ending: string): () => string | undefined {
  return () => (existsSync(output(ending)) ? undefined : "npm run image, with all that it makes");
}

export function builtDisk(from = built()): string {
  const path = `${from}/disk.img`;
  if (existsSync(path)) return path;
  throw new Error(`there is no ${path}: run npm run image first, for its target and flavour`);
}

/** As Windows leaves it. */
export function seedText(key: string, more = ""): string {
  return `\uFEFFssh_keys = ["${key}"]\r\n${more}`;
}

/** A file that ends too early. */
export function cutShort(from: string, to: string): string {
  copyFileSync(from, to);
  truncateSync(to, Math.floor(statSync(to).size / 2));
  return to;
}
