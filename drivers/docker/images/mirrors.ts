import { imageRef, placeOf, type ImageName } from "./image-name.ts";

/** By registry (`docker.io`, `ghcr.io`, `host:5000`): others that hold the same images, the first one asked first. */
export type Mirrors = ReadonlyMap<string, readonly string[]>;

/** `registry_mirrors { "docker.io" = "mirror.lan:5000, other.lan/hub" }`. */
export function readMirrors(given: Readonly<Record<string, string>>): Mirrors {
  return new Map(
    Object.entries(given).map(([registry, places]) => [
      registry,
      places
        .split(/[\s,]+/)
        .map((place) => place.replace(/^https?:\/\//, "").replace(/\/+$/, ""))
        .filter((place) => place !== ""),
    ]),
  );
}

/** Under which names an image may be had before its own registry is asked. */
export function mirrored(mirrors: Mirrors, image: ImageName): readonly ImageName[] {
  const { registry, path } = placeOf(image.name);
  return (mirrors.get(registry) ?? []).map((place) => ({ ...image, name: `${place}/${path}` }));
}

/** All names under which the engine may know an image, its own first. */
export function namesOf(mirrors: Mirrors, image: ImageName): readonly string[] {
  return [image, ...mirrored(mirrors, image)].map(imageRef);
}
