import { createHash } from "node:crypto";
import { Fault, one, text, two, type Given, type HclFunction } from "./function.ts";
import { globPattern } from "./glob.ts";
import { withRegex } from "./regex.ts";

/** How functions reach files. Paths are as the file being read writes them: relative ones are relative to it. */
export interface FileAccess {
  /** A file's bytes; undefined when there is no such file. */
  readonly read: (path: string) => Uint8Array | undefined;
  /** The regular files below a folder, relative to it, with `/`; undefined when there is no such folder. */
  readonly list: (folder: string) => readonly string[] | undefined;
  /** The whole path. */
  readonly absolute: (path: string) => string;
  /** What `~` stands for. */
  readonly home: () => string;
}

/** Functions over files beside the one being read. They exist only where whoever reads it allows files. */
export function fileFunctions(files: FileAccess): Readonly<Record<string, HclFunction>> {
  const withBytes = (use: (bytes: Buffer) => Given): HclFunction =>
    one(text, (path) => {
      const bytes = files.read(expanded(path, files));
      return bytes === undefined ? new Fault(`there is no file ${JSON.stringify(path)}`) : use(Buffer.from(bytes));
    });
  const hash = (algorithm: string): HclFunction =>
    withBytes((bytes) => createHash(algorithm).update(bytes).digest("hex"));
  return {
    file: withBytes(utf8),
    filebase64: withBytes((bytes) => bytes.toString("base64")),
    fileexists: one(text, (path) => files.read(expanded(path, files)) !== undefined),
    fileset: two(text, text, (folder, pattern) => fileSet(files, expanded(folder, files), pattern)),
    filemd5: hash("md5"),
    filesha1: hash("sha1"),
    filesha256: hash("sha256"),
    filesha512: hash("sha512"),
    abspath: one(text, (path) => files.absolute(path)),
    pathexpand: one(text, (path) => expanded(path, files)),
  };
}

/** Their names, for messages where there are no files. */
export const FILE_FUNCTIONS = Object.keys(
  fileFunctions({
    read: () => undefined,
    list: () => undefined,
    absolute: (path) => path,
    home: () => "",
  }),
);

/** A leading `~` is the home folder; `~name` stays. */
function expanded(path: string, { home }: FileAccess): string {
  return path === "~" || path.startsWith("~/") ? home() + path.slice(1) : path;
}

function fileSet(files: FileAccess, folder: string, pattern: string): Given {
  const all = files.list(folder);
  if (all === undefined) return new Fault(`there is no folder ${JSON.stringify(folder)}`);
  return withRegex(globPattern(pattern), (regex) => all.filter((path) => regex.matches(path)).toSorted());
}

function utf8(bytes: Buffer): Given {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new Fault("the file is no UTF-8 text; use filebase64");
  }
}
