import { basename } from "node:path/posix";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { archiveNamed, archiveOf, type Archive } from "./archive.ts";

/**
 * What a `source` of an artifact block means, in the notation of https://developer.hashicorp.com/nomad/docs/job-specification/artifact :
 * `GETTER::URL//FOLDER-IN-IT?OPTION=VALUE`. Options of the block are as if they stood in the URL.
 */
export interface ArtifactSource {
  readonly getter: "http" | "git" | "s3" | "file";
  /** Without the folder and the options that are ours. */
  readonly url: string;
  /** The part of an archive or repository that is wanted; empty: all of it. */
  readonly folder: string;
  /** What a download is unpacked as; undefined: it is kept as it is. */
  readonly archive: Archive | undefined;
  /** The name a download that is no archive gets. */
  readonly fileName: string;
  /** `sha256:HEX`, or `file:URL` of a list of sums; empty: not checked. */
  readonly checksum: string;
  readonly options: ReadonlyMap<string, string>;
}

/** Told apart from what the server is to get. */
const OWN_OPTIONS = new Set(
  "archive checksum filename ref depth sshkey version region aws_profile aws_access_key_id aws_access_key_secret aws_access_token".split(
    " ",
  ),
);
const GETTERS = new Set(["http", "https", "git", "s3", "file"]);
const HINT = "sources are http(s)://…, git::URL, s3::URL, file:///PATH, or github.com/OWNER/REPOSITORY";

export function parseSource(text: string, blockOptions: Readonly<Record<string, string>>): Result<ArtifactSource> {
  const [, forced = "", rest = ""] = /^(?:([A-Za-z0-9]+)::)?(.*)$/s.exec(text.trim()) ?? [];
  const detected = detect(rest);
  const kind = forced === "" ? detected.getter : forced;
  if (!GETTERS.has(kind)) return fail("SOURCE", `cannot fetch with ${JSON.stringify(kind)}`, HINT);
  const place = splitFolder(detected.url);
  if (!URL.canParse(place.url)) return fail("SOURCE", `${JSON.stringify(text)} is no URL`, HINT);
  const url = new URL(place.url);
  const getter = kind === "https" ? "http" : narrowed(kind);
  const scheme = url.protocol.slice(0, -1);
  if (!SCHEMES[getter].includes(scheme)) {
    const expected = SCHEMES[getter].map((each) => `${each}://`).join(", ");
    return fail("SOURCE", `a ${getter} source begins with ${expected}, not with ${scheme}://`, HINT);
  }
  const options = takeOptions(url, blockOptions);
  const named = options.get("archive");
  const archive = archiveOption(named, url.pathname);
  if (!archive.ok) return archive;
  const fileName = options.get("filename") ?? (basename(decoded(url.pathname)) || url.hostname);
  if (fileName === "." || fileName === ".." || fileName.includes("/")) {
    return fail("SOURCE", `${JSON.stringify(fileName)} is no name for a file`, 'give filename = "NAME" in options');
  }
  if (place.folder.split("/").includes("..")) {
    return fail("SOURCE", `the folder ${JSON.stringify(place.folder)} leads out of the source`);
  }
  return succeed({
    getter,
    url: url.href,
    folder: place.folder,
    archive: getter === "git" ? undefined : archive.value,
    fileName,
    checksum: options.get("checksum") ?? "",
    options,
  });
}

const SCHEMES: Readonly<Record<ArtifactSource["getter"], readonly string[]>> = {
  http: ["http", "https"],
  git: ["https", "http", "ssh", "git", "file"],
  s3: ["https", "http"],
  file: ["file"],
};

function narrowed(kind: string): ArtifactSource["getter"] {
  return kind === "git" || kind === "s3" || kind === "file" ? kind : "http";
}

/** Short forms people write without a scheme. */
function detect(text: string): { readonly getter: string; readonly url: string } {
  const [, scheme] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text) ?? [];
  if (scheme !== undefined) return { getter: scheme === "ssh" ? "git" : scheme.toLowerCase(), url: text };
  if (text.startsWith("/")) return { getter: "file", url: `file://${text}` };
  const [, host = "", owner = "", repository = "", more = ""] =
    /^(github\.com|gitlab\.com|bitbucket\.org)\/([^/?]+)\/([^/?]+)(.*)$/s.exec(text) ?? [];
  if (host !== "") {
    const name = repository.replace(/\.git$/, "");
    const folder = more.startsWith("/") && !more.startsWith("//") ? `/${more}` : more;
    return { getter: "git", url: `https://${host}/${owner}/${name}.git${folder}` };
  }
  const [, user = "", server = "", path = ""] = /^([A-Za-z0-9_.-]+)@([A-Za-z0-9_.-]+):(.+)$/s.exec(text) ?? [];
  if (user !== "") return { getter: "git", url: `ssh://${user}@${server}/${path}` };
  if (/^[a-z0-9.-]*s3[a-z0-9.-]*\.amazonaws\.com\//.test(text)) return { getter: "s3", url: `https://${text}` };
  return { getter: "http", url: text };
}

/** `https://host/a.zip//folder?x=y`: what stands behind the second pair of slashes. */
function splitFolder(text: string): { readonly url: string; readonly folder: string } {
  const query = text.indexOf("?");
  const path = query < 0 ? text : text.slice(0, query);
  const behind = path.indexOf("://");
  const at = path.indexOf("//", behind < 0 ? 0 : behind + 3);
  if (at < 0) return { url: text, folder: "" };
  const folder = path.slice(at + 2).replaceAll(/^\/+|\/+$/g, "");
  return { url: path.slice(0, at) + (query < 0 ? "" : text.slice(query)), folder };
}

function takeOptions(url: URL, blockOptions: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const name of OWN_OPTIONS) {
    const value = url.searchParams.get(name);
    if (value === null) continue;
    options.set(name, value);
    url.searchParams.delete(name);
  }
  for (const [name, value] of Object.entries(blockOptions)) {
    if (OWN_OPTIONS.has(name)) options.set(name, value);
    else url.searchParams.set(name, value);
  }
  return options;
}

function archiveOption(named: string | undefined, path: string): Result<Archive | undefined> {
  if (named === undefined) return succeed(archiveOf(path));
  if (/^(false|0|f|no)$/i.test(named)) return succeed(undefined);
  const archive = archiveNamed(named);
  if (archive !== undefined) return succeed(archive);
  return fail(
    "SOURCE",
    `archive = ${JSON.stringify(named)} is none we unpack`,
    "zip, tar, tar.gz, tar.xz, tar.zst, tar.bz2, gz, xz, zst, bz2, or false",
  );
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
