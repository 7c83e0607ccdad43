import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, stat, writeFile, link, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Image } from "./recipe.ts";

/** A finished layer in the cache: a tar, its digest when plain, and the same compressed. */
export interface LayerBlob {
  readonly name: string;
  readonly diffId: string;
  readonly tar: string;
}

/** Times in images are clamped to this, so that the same packages and files give the same bytes. */
export const IMAGE_TIME_S = 1_767_225_600;

/** Packs a tree as a layer tar: names sorted, times clamped, owners as numbers. */
export async function packTree(options: {
  readonly exec: Exec;
  readonly root: string;
  readonly target: string;
  readonly privileged: boolean;
  readonly exclude: readonly string[];
}): Promise<Result<void>> {
  const owner = options.privileged ? ["--numeric-owner"] : ["--owner=0", "--group=0", "--numeric-owner"];
  const packed = await options.exec.run(
    [
      "tar",
      "--create",
      "--file",
      options.target,
      "--directory",
      options.root,
      "--sort=name",
      `--mtime=@${IMAGE_TIME_S}`,
      "--format=gnu",
      ...owner,
      ...options.exclude.map((path) => `--exclude=./${path}`),
      "--anchored",
      ".",
    ],
    { timeoutMs: 300_000 },
  );
  return packed.code === 0
    ? succeed(undefined)
    : fail("image_pack", `cannot pack ${options.root}: ${packed.stderr.trim()}`, "is the disk full?");
}

/**
 * Writes an OCI image layout (https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md) that also carries
 * the `manifest.json` older Docker engines load, as one tar.
 */
export async function writeArchive(
  image: Image,
  layers: readonly LayerBlob[],
  options: { readonly exec: Exec; readonly work: string; readonly target: string; readonly compress: boolean },
): Promise<Result<{ readonly digest: string; readonly imageId: string }>> {
  const blobs = join(options.work, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const descriptors: Descriptor[] = [];
  for (const layer of layers) descriptors.push(await addLayer(layer, blobs, options.compress));
  const config = await addJson(blobs, imageConfig(image, layers), "application/vnd.oci.image.config.v1+json");
  const manifest = await addJson(
    blobs,
    { schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers: descriptors },
    "application/vnd.oci.image.manifest.v1+json",
  );
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: image.tags.map((tag) => ({
      ...manifest,
      platform: { architecture: image.architecture, os: "linux" },
      annotations: { "org.opencontainers.image.ref.name": tag, "io.containerd.image.name": tag },
    })),
  };
  const legacy = [{ Config: blobPath(config), RepoTags: image.tags, Layers: descriptors.map(blobPath) }];
  await writeFile(join(options.work, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeFile(join(options.work, "index.json"), JSON.stringify(index));
  await writeFile(join(options.work, "manifest.json"), JSON.stringify(legacy));
  const partial = `${options.target}.partial`;
  const packed = await options.exec.run(
    [
      "tar",
      "--create",
      "--file",
      partial,
      "--directory",
      options.work,
      "--sort=name",
      `--mtime=@${IMAGE_TIME_S}`,
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--format=gnu",
      "blobs",
      "index.json",
      "manifest.json",
      "oci-layout",
    ],
    { timeoutMs: 300_000 },
  );
  if (packed.code !== 0) {
    await rm(partial, { force: true });
    return fail("image_archive", `cannot write ${options.target}: ${packed.stderr.trim()}`, "is the disk full?");
  }
  await rename(partial, options.target);
  return succeed({ digest: manifest.digest, imageId: config.digest });
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

async function addLayer(layer: LayerBlob, blobs: string, compress: boolean): Promise<Descriptor> {
  if (!compress) {
    await link(layer.tar, join(blobs, layer.diffId.slice(7))).catch(() =>
      pipeline(createReadStream(layer.tar), createWriteStream(join(blobs, layer.diffId.slice(7)))),
    );
    return {
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest: layer.diffId,
      size: (await stat(layer.tar)).size,
    };
  }
  const packed = join(blobs, `${layer.name}.partial`);
  await pipeline(createReadStream(layer.tar), createGzip({ level: 6 }), createWriteStream(packed));
  const digest = await digestOf(packed);
  await rename(packed, join(blobs, digest.slice(7)));
  return {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest,
    size: (await stat(join(blobs, digest.slice(7)))).size,
  };
}

async function addJson(blobs: string, value: unknown, mediaType: string): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  await writeFile(join(blobs, digest.slice(7)), bytes);
  return { mediaType, digest, size: bytes.length };
}

function imageConfig(image: Image, layers: readonly LayerBlob[]): unknown {
  const { config } = image;
  const created = new Date(IMAGE_TIME_S * 1000).toISOString();
  return {
    created,
    architecture: image.architecture,
    os: "linux",
    config: {
      User: config.user,
      ExposedPorts: Object.fromEntries(config.ports.map((port) => [port, {}])),
      Env: Object.entries({ PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...config.env }).map(
        ([key, value]) => `${key}=${value}`,
      ),
      Entrypoint: config.entrypoint,
      Cmd: config.cmd,
      Volumes: Object.fromEntries(config.volumes.map((path) => [path, {}])),
      WorkingDir: config.workdir,
      Labels: config.labels,
      ...(config.stopSignal === "" ? {} : { StopSignal: config.stopSignal }),
    },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((layer) => ({ created, created_by: `layer ${layer.name}` })),
  };
}

function blobPath(descriptor: Descriptor): string {
  return `blobs/sha256/${descriptor.digest.slice(7)}`;
}

export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest("hex")}`;
}
