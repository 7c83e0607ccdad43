import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { succeed, type Result } from "#base/env/errors.ts";
import { packCpio, type CpioEntry } from "./cpio.ts";
import { namedModules, type Kernel } from "./kernel-modules.ts";
import type { Workshop } from "./workshop.ts";

const FILE = 0o100000;
const FOLDER = 0o040000;
/** Of a module's lists, those that modprobe of busybox reads. */
const LISTS = ["modules.dep", "modules.alias", "modules.symbols", "modules.builtin"];

const UNPACKED = "modules";

export interface InitrdOptions {
  /** Name of the tree in the work folder. */
  readonly tree: string;
  readonly kernel: Kernel;
  readonly modules: readonly string[];
  /** Text of `/init`, and of what it reads to install. */
  readonly init: string;
  readonly install: string;
  readonly epoch: number;
}

/**
 * The first file system: busybox, one script, and the modules that disks hang on, unpacked, since the whole is packed
 * anyway and small processors unpack a module slowly.
 */
export async function makeInitrd(workshop: Workshop, options: InitrdOptions): Promise<Result<Uint8Array>> {
  const root = join(workshop.work, options.tree);
  const { version, dependencies } = options.kernel;
  const folder = `usr/lib/modules/${version}`;
  const entries: CpioEntry[] = [
    { path: "init", mode: FILE | 0o755, data: Buffer.from(options.init) },
    { path: "install", mode: FILE | 0o644, data: Buffer.from(options.install) },
    { path: "bin/busybox", mode: FILE | 0o755, data: await readFile(join(root, "usr/bin/busybox")) },
    ...["dev", "proc", "sys", "run", "root", "bin"].map((path) => ({
      path,
      mode: FOLDER | 0o755,
      data: Buffer.alloc(0),
    })),
  ];
  const kept = namedModules(dependencies, options.modules);
  const unpacked = await unpack(workshop, `${options.tree}/${folder}`, kept);
  if (!unpacked.ok) return unpacked;
  for (const path of kept) {
    const from = path.endsWith(".xz") ? join(workshop.work, UNPACKED, plainName(path)) : join(root, folder, path);
    entries.push({
      path: `lib/modules/${version}/${path.replace(/\.xz$/, "")}`,
      mode: FILE | 0o644,
      data: await readFile(from),
    });
  }
  for (const name of LISTS) {
    const text = await readFile(join(root, folder, name), "utf8");
    const data = Buffer.from(shortened(name, text, kept));
    entries.push({ path: `lib/modules/${version}/${name}`, mode: FILE | 0o644, data });
  }
  const archive = packCpio(entries, options.epoch);
  return succeed(zstdCompressSync(archive, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }));
}

/** All at once: to enter the workshop takes longer than to unpack a module. No two modules have the same name. */
async function unpack(workshop: Workshop, folder: string, modules: readonly string[]): Promise<Result<string>> {
  const packed = modules.filter((path) => path.endsWith(".xz"));
  const script = `rm -rf /making/${UNPACKED}; mkdir /making/${UNPACKED}; cd "/making/$1"; shift; for each; do name=\${each##*/}; xz -dc "$each" >"/making/${UNPACKED}/\${name%.xz}"; done`;
  return workshop.run(["sh", "-ec", script, "sh", folder, ...packed]);
}

function plainName(path: string): string {
  return (path.split("/").at(-1) ?? "").replace(/\.xz$/, "");
}

/** Only what is said of modules that are there. */
function shortened(list: string, text: string, kept: readonly string[]): string {
  if (list === "modules.builtin") return text;
  const names = new Set(
    kept.map((path) => (path.split("/").at(-1) ?? "").replace(/\.ko(\.xz)?$/, "").replaceAll("-", "_")),
  );
  const paths = new Set(kept);
  return text
    .split("\n")
    .filter((line) =>
      list === "modules.dep" ? paths.has(line.split(":", 1)[0] ?? "") : names.has(line.split(" ").at(-1) ?? ""),
    )
    .map((line) => `${list === "modules.dep" ? line.replaceAll(".ko.xz", ".ko") : line}\n`)
    .join("");
}
