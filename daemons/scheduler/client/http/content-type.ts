import { extname } from "node:path/posix";

/** By which browsers decide whether they show a file; others are looked into. RFC 2046 and the registry of media types. */
const BY_NAME: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".gz": "application/gzip",
  ".htm": "text/html; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webp": "image/webp",
  ".xml": "text/xml; charset=utf-8",
  ".zip": "application/zip",
};

/** https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern and its neighbours. */
const BY_BEGINNING: readonly (readonly [number[], string])[] = [
  [[0x89, 0x50, 0x4e, 0x47], "image/png"],
  [[0xff, 0xd8, 0xff], "image/jpeg"],
  [[0x47, 0x49, 0x46, 0x38], "image/gif"],
  [[0x25, 0x50, 0x44, 0x46], "application/pdf"],
  [[0x1f, 0x8b], "application/gzip"],
  [[0x50, 0x4b, 0x03, 0x04], "application/zip"],
];

/** As much of a file as is looked into. */
export const SNIFF_BYTES = 512;

/** What a file holds, by its name, else by how it begins. */
export function contentType(name: string, beginning: Uint8Array): string {
  const known = BY_NAME[extname(name).toLowerCase()];
  if (known !== undefined) return known;
  const found = BY_BEGINNING.find(([bytes]) => bytes.every((byte, at) => beginning[at] === byte));
  if (found !== undefined) return found[1];
  return beginning.some(isBinary) ? "application/octet-stream" : "text/plain; charset=utf-8";
}

/** https://mimesniff.spec.whatwg.org/#binary-data-byte */
function isBinary(byte: number): boolean {
  return byte <= 8 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f);
}
