import { createHash } from "node:crypto";
import { textOf } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { DOWNLOAD, download, type Download } from "./download.ts";
import type { Fetching } from "./fetching.ts";

const KINDS = ["md5", "sha1", "sha256", "sha512"] as const;
const KIND_BY_LENGTH: ReadonlyMap<number, (typeof KINDS)[number]> = new Map([
  [32, "md5"],
  [40, "sha1"],
  [64, "sha256"],
  [128, "sha512"],
]);
const PIECE_BYTES = 1024 * 1024;
const MAX_LIST_BYTES = 1024 * 1024;

interface Sum {
  readonly kind: (typeof KINDS)[number];
  readonly hex: string;
}

/** Compares a file with `KIND:HEX`, or with what a list at `file:URL` says of its name. */
export async function verify(
  fetching: Fetching,
  path: string,
  wanted: { readonly checksum: string; readonly fileName: string; readonly how: Omit<Download, "url"> },
): Promise<Result<void>> {
  const sum = await wantedSum(fetching, wanted);
  if (!sum.ok) return sum;
  const found = await sumOf(fetching, path, sum.value.kind);
  if (found === sum.value.hex) return succeed(undefined);
  return fail(
    "CHECKSUM",
    `its ${sum.value.kind} is ${found}, not ${sum.value.hex}`,
    "the file was changed, or the checksum is another file's",
  );
}

async function wantedSum(
  fetching: Fetching,
  {
    checksum,
    fileName,
    how,
  }: { readonly checksum: string; readonly fileName: string; readonly how: Omit<Download, "url"> },
): Promise<Result<Sum>> {
  if (!checksum.startsWith("file:")) {
    const sum = parseSum(checksum);
    return sum === undefined
      ? fail("CHECKSUM", `${JSON.stringify(checksum)} is no checksum`, "KIND:HEX, or file:URL")
      : succeed(sum);
  }
  const folder = `${fetching.folder}/sums`;
  await fetching.env.disk.makeDir(folder);
  const listed = await download({ ...fetching, folder }, { ...how, url: checksum.slice("file:".length) });
  if (!listed.ok) return fail("CHECKSUM", `cannot fetch the list of checksums: ${listed.error.message}`);
  const text = await fetching.env.disk.readAt(`${folder}/${DOWNLOAD}`, 0, MAX_LIST_BYTES);
  const sum = sumInList(text === undefined ? "" : textOf(text), fileName);
  return sum === undefined
    ? fail("CHECKSUM", `the list of checksums has none of ${JSON.stringify(fileName)}`)
    : succeed(sum);
}

/** `KIND:HEX`, or digits whose number tells the kind. */
function parseSum(text: string): Sum | undefined {
  const [, named = "", hex = ""] = /^(?:([a-z0-9]+):)?([0-9a-fA-F]+)$/.exec(text.trim()) ?? [];
  const kind = KIND_BY_LENGTH.get(hex.length);
  return kind === undefined || (named !== "" && named !== kind) ? undefined : { kind, hex: hex.toLowerCase() };
}

/** Lists of sha256sum(1) (`HEX  NAME`, `HEX *NAME`), of BSD (`SHA256 (NAME) = HEX`), or a digest alone. */
export function sumInList(text: string, fileName: string): Sum | undefined {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  for (const line of lines) {
    const [, hex = "", name = ""] = /^([0-9a-fA-F]{32,128})\s+\*?(.+)$/.exec(line) ?? [];
    if (hex !== "" && baseName(name) === fileName) return parseSum(hex);
    const [, bsdName = "", bsdHex = ""] = /^[A-Z0-9]+ \((.+)\) = ([0-9a-fA-F]{32,128})$/.exec(line) ?? [];
    if (bsdHex !== "" && baseName(bsdName) === fileName) return parseSum(bsdHex);
  }
  return lines.length === 1 ? parseSum(lines[0] ?? "") : undefined;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

async function sumOf({ env }: Fetching, path: string, kind: Sum["kind"]): Promise<string> {
  const hash = createHash(kind);
  for (let at = 0; ;) {
    const piece = await env.disk.readAt(path, at, PIECE_BYTES);
    if (piece === undefined || piece.length === 0) return hash.digest("hex");
    hash.update(piece);
    at += piece.length;
  }
}
