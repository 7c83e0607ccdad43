import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { tarOf } from "./tar.ts";

export interface Bundle {
  readonly name: string;
  /** By their paths, the name first. */
  readonly files: ReadonlyMap<string, string>;
  /** When it was begun, since 1970. */
  readonly seconds: number;
}

/** As `NAME.tar.gz` here, or as a folder below `folder`; where it is. For its owner only. */
export function writeBundle(folder: string | undefined, { name, files, seconds }: Bundle): string {
  const target = folder === undefined ? `${name}.tar.gz` : join(folder, name);
  try {
    if (folder === undefined) {
      writeFileSync(target, gzipSync(tarOf(files, seconds)), { mode: 0o600, flag: "wx" });
      return target;
    }
    for (const [path, text] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
      writeFileSync(join(folder, path), text, { mode: 0o600, flag: "wx" });
    }
    return target;
  } catch (error) {
    throw new CodedError("unwritable", `cannot write ${target}: ${messageOf(error)}`);
  }
}
