/** What "create image" is asked for: `name` with registry and path, `tag` or a digest. */
export interface ImageName {
  readonly name: string;
  readonly tag: string;
  /** Its content may change under this name: `latest`, said or not. */
  readonly moving: boolean;
}

/** `redis`, `redis:7`, `host:5000/a/b:tag`, `name@sha256:…`; a `docker://` or `https://` in front is dropped. */
export function parseImageName(image: string): ImageName {
  const plain = image.replace(/^(?:docker|https?):\/\//, "");
  const at = plain.indexOf("@");
  if (at > 0) return { name: plain.slice(0, at), tag: plain.slice(at + 1), moving: false };
  const colon = plain.lastIndexOf(":");
  // A colon before the last slash belongs to the registry's port.
  if (colon > plain.lastIndexOf("/")) {
    const tag = plain.slice(colon + 1);
    return { name: plain.slice(0, colon), tag, moving: tag === "latest" };
  }
  return { name: plain, tag: "latest", moving: true };
}

export function imageRef({ name, tag }: ImageName): string {
  return isDigest(tag) ? `${name}@${tag}` : `${name}:${tag}`;
}

export function isDigest(tag: string): boolean {
  return tag.includes(":");
}

/** The registry of names that say none. */
export const DOCKER_HUB = "docker.io";

/**
 * `redis` is `library/redis` of docker.io; a first part with a dot, a colon, or `localhost`, is a registry.
 * https://github.com/distribution/reference (familiar names)
 */
export function placeOf(name: string): { readonly registry: string; readonly path: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  if (first !== "" && (/[.:]/.test(first) || first === "localhost")) {
    const registry = first === "index.docker.io" ? DOCKER_HUB : first;
    return { registry, path: name.slice(slash + 1) };
  }
  return { registry: DOCKER_HUB, path: slash < 0 ? `library/${name}` : name };
}
