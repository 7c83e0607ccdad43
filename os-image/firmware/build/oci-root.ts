import { rm } from "node:fs/promises";
import { join } from "node:path";
import { succeed, type Result } from "#base/env/errors.ts";
import { digestOf, packTree, writeArchive } from "../../oci/archive.ts";
import type { OutputOptions } from "./output-options.ts";
import { mergedLayer } from "./tree.ts";

/** The slot's root as a container image, to look into or to build upon. */
export async function writeOciRoot(name: string, options: OutputOptions): Promise<Result<readonly string[]>> {
  const { build, built, exec } = options;
  const { version, workshop } = built;
  const { work } = workshop;
  const tar = join(work, "root.tar");
  const packed = await packTree({ exec, root: join(work, "tree"), target: tar, privileged: true, exclude: ["boot"] });
  if (!packed.ok) return packed;
  const image = {
    name,
    tags: [`${build.system.name}-${build.target.name}:${version}`],
    architecture: build.target.architecture,
    layers: [mergedLayer(build)],
    config: {
      entrypoint: ["/usr/bin/lares"],
      cmd: [],
      env: {},
      user: "",
      workdir: "/",
      ports: [],
      volumes: [],
      labels: { "org.opencontainers.image.version": version },
      stopSignal: "SIGINT",
    },
  };
  const layer = { name: build.target.name, diffId: await digestOf(tar), tar };
  const target = join(work, `${name}.oci.tar`);
  const folder = join(work, "oci");
  await rm(folder, { recursive: true, force: true });
  const written = await writeArchive(image, [layer], { exec, work: folder, target, compress: true });
  await rm(folder, { recursive: true, force: true });
  await rm(tar);
  return written.ok ? succeed([target]) : written;
}
