import { createHash } from "node:crypto";
import { Fault, one, text, type Given, type HclFunction } from "./function.ts";

type ReadFile = (path: string) => Uint8Array | undefined;

/** Functions over files beside the one being read. They exist only where whoever reads it allows files. */
export function fileFunctions(readFile: ReadFile): Readonly<Record<string, HclFunction>> {
  const withBytes = (use: (bytes: Buffer) => Given): HclFunction =>
    one(text, (path) => {
      const bytes = readFile(path);
      return bytes === undefined ? new Fault(`there is no file ${JSON.stringify(path)}`) : use(Buffer.from(bytes));
    });
  const hash = (algorithm: string): HclFunction =>
    withBytes((bytes) => createHash(algorithm).update(bytes).digest("hex"));
  return {
    file: withBytes(utf8),
    filebase64: withBytes((bytes) => bytes.toString("base64")),
    fileexists: one(text, (path) => readFile(path) !== undefined),
    filemd5: hash("md5"),
    filesha1: hash("sha1"),
    filesha256: hash("sha256"),
    filesha512: hash("sha512"),
  };
}

function utf8(bytes: Buffer): Given {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new Fault("the file is no UTF-8 text; use filebase64");
  }
}
