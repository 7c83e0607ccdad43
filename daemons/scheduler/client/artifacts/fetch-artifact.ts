import { join, normalize } from "node:path/posix";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Artifact } from "#base/protocol/task.ts";
import { withoutCompression } from "./archive.ts";
import { verify } from "./checksum.ts";
import { CLONE, clone } from "./clone.ts";
import { DOWNLOAD, download, type Download } from "./download.ts";
import type { Fetching } from "./fetching.ts";
import { destinationOf, inspect, moveInto } from "./place.ts";
import { presign, regionOf } from "./presign.ts";
import { parseSource, type ArtifactSource } from "./source.ts";
import { READY, unpackStream, unpackTree } from "./unpack.ts";

export interface ArtifactPlace {
  readonly taskDir: string;
  readonly allocRoot: string;
  /** Who is to own it; undefined: the agent. */
  readonly owner: string | undefined;
}

/** What ended up in the fetching's folder: a file that is called `name`, or a folder of files. */
interface Fetched {
  readonly path: string;
  readonly kind: "file" | "tree";
  readonly name: string;
}

const EXECUTABLE = 0o755;

/** Fetches one artifact, whose texts are interpolated already, and puts it in place. Nothing is in place when it fails. */
export async function fetchArtifact(
  fetching: Fetching,
  artifact: Artifact,
  place: ArtifactPlace,
): Promise<Result<void>> {
  const source = parseSource(artifact.GetterSource, artifact.GetterOptions);
  if (!source.ok) return source;
  const to = destinationOf(place.taskDir, place.allocRoot, artifact.RelativeDest);
  if (!to.ok) return to;
  const { env, folder } = fetching;
  try {
    await env.disk.makeDir(folder, { mode: 0o700, durable: false });
    const fetched = await bring(fetching, source.value, artifact);
    if (!fetched.ok) return fetched;
    const { path, kind, name } = fetched.value;
    if (artifact.GetterMode === "file" && kind === "tree") {
      return fail(
        "MODE",
        'it is a folder, and mode = "file" wants a file',
        'use mode = "any" or "dir", or name a file in it behind //',
      );
    }
    const fine = await inspect(fetching, path);
    if (!fine.ok) return fine;
    if (place.owner !== undefined) {
      const given = await env.exec.run(["chown", "-hR", "--", place.owner, path]);
      if (given.code !== 0) return fail("OWNER", given.stderr.trim());
    }
    const isWhole = artifact.GetterMode === "file" || kind === "tree";
    const target = isWhole ? to.value : join(to.value, name);
    return await moveInto(env.disk, path, { to: target, allocRoot: place.allocRoot });
  } catch (thrown) {
    return fail("FETCH", messageOf(thrown));
  } finally {
    await env.disk.remove(folder);
  }
}

async function bring(fetching: Fetching, source: ArtifactSource, artifact: Artifact): Promise<Result<Fetched>> {
  if (source.getter === "git") {
    const cloned = await clone(fetching, source);
    return cloned.ok ? part(fetching, CLONE, source) : cloned;
  }
  const how = { headers: artifact.GetterHeaders, insecure: artifact.GetterInsecure };
  const got = source.getter === "file" ? await copyLocal(fetching, source) : await get(fetching, source, how);
  if (!got.ok) return got;
  if (got.value === "tree") return part(fetching, READY, source);
  if (source.checksum !== "") {
    const { checksum, fileName } = source;
    const fine = await verify(fetching, `${fetching.folder}/${DOWNLOAD}`, { checksum, fileName, how });
    if (!fine.ok) return fine;
  }
  return opened(fetching, source);
}

async function opened(fetching: Fetching, source: ArtifactSource): Promise<Result<Fetched>> {
  const { env, folder } = fetching;
  if (source.archive === "tree") {
    const unpacked = await unpackTree(fetching);
    return unpacked.ok ? part(fetching, READY, source) : unpacked;
  }
  if (source.folder !== "")
    return fail("SOURCE", `it is no archive, so there is no ${JSON.stringify(source.folder)} in it`);
  const isStream = source.archive === "stream";
  if (isStream) {
    const unpacked = await unpackStream(fetching);
    if (!unpacked.ok) return unpacked;
  }
  const path = `${folder}/${isStream ? READY : DOWNLOAD}`;
  // People fetch programs to run them.
  await env.disk.setMode(path, EXECUTABLE);
  return succeed({ path, kind: "file", name: isStream ? withoutCompression(source.fileName) : source.fileName });
}

function get(fetching: Fetching, source: ArtifactSource, how: Omit<Download, "url">): Promise<Result<"file">> {
  const { options } = source;
  const url = new URL(source.url);
  const id = options.get("aws_access_key_id") ?? "";
  const key = {
    id,
    secret: options.get("aws_access_key_secret") ?? "",
    token: options.get("aws_access_token") ?? "",
    region: options.get("region") ?? regionOf(url.hostname),
  };
  const signed = source.getter === "s3" && id !== "" ? presign(url, key, fetching.env.clock.nowMs()) : url.href;
  return download(fetching, { ...how, url: signed }).then((done) => (done.ok ? succeed("file") : done));
}

/** Only from folders the operator opened to jobs: a job must not read the machine's files through its artifacts. */
async function copyLocal(
  { env, folder, limits, signal }: Fetching,
  source: ArtifactSource,
): Promise<Result<"file" | "tree">> {
  const asked = normalize(decodeURIComponent(new URL(source.url).pathname));
  const real = (await env.exec.run(["realpath", "-e", "--", asked], { signal })).stdout.replace(/\n$/, "");
  const isOpen = limits.localFolders.some(
    (open) => real === normalize(open) || real.startsWith(`${normalize(open).replace(/\/$/, "")}/`),
  );
  if (real === "" || !isOpen) {
    const open = limits.localFolders.length === 0 ? "none are" : `they are: ${limits.localFolders.join(", ")}`;
    return fail(
      "SOURCE",
      `${asked} is not in a folder this node opened to artifacts (${open})`,
      'client { artifact { local_folders = ["/PATH"] } } opens one',
    );
  }
  const isFolder = (await env.disk.stat(real))?.kind === "directory";
  const copied = await env.exec.run(
    ["cp", "-R", "--no-preserve=all", "--", isFolder ? `${real}/.` : real, `${folder}/${isFolder ? READY : DOWNLOAD}`],
    { signal, timeoutMs: limits.httpReadTimeoutMs },
  );
  if (copied.code !== 0) return fail("COPY", copied.stderr.trim());
  return succeed(isFolder ? "tree" : "file");
}

/** All of a fetched tree, or the folder or file in it that the source names. */
async function part({ env, folder }: Fetching, tree: string, source: ArtifactSource): Promise<Result<Fetched>> {
  const path = source.folder === "" ? `${folder}/${tree}` : `${folder}/${tree}/${source.folder}`;
  const stat = await env.disk.stat(path);
  if (stat === undefined) return fail("SOURCE", `there is no ${JSON.stringify(source.folder)} in it`);
  const name = source.folder === "" ? source.fileName : source.folder.slice(source.folder.lastIndexOf("/") + 1);
  return succeed({ path, kind: stat.kind === "directory" ? "tree" : "file", name });
}
