import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

const BLOCK = 4096;
const CHUNK_BLOCKS = 1024;

interface Range {
  readonly first: number;
  readonly last: number;
  readonly sha256: string;
}

/** The block map of a disk image, format 2.0 of bmap-tools: which blocks hold anything but zeros, with their hashes. */
export async function makeBmap(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const ranges: Range[] = [];
    let first = -1;
    let hash = createHash("sha256");
    const close = (last: number): void => {
      if (first >= 0) ranges.push({ first, last, sha256: hash.digest("hex") });
      first = -1;
      hash = createHash("sha256");
    };
    const chunk = Buffer.alloc(BLOCK * CHUNK_BLOCKS);
    const zeros = Buffer.alloc(BLOCK);
    let block = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, block * BLOCK);
      if (bytesRead === 0) break;
      for (let at = 0; at < bytesRead; at += BLOCK, block++) {
        const bytes = chunk.subarray(at, Math.min(at + BLOCK, bytesRead));
        if (bytes.equals(zeros.subarray(0, bytes.length))) close(block - 1);
        else {
          if (first < 0) first = block;
          hash.update(bytes);
        }
      }
    }
    close(block - 1);
    return render(ranges, size);
  } finally {
    await file.close();
  }
}

/** The file's own hash is taken with zeros in its place. */
function render(ranges: readonly Range[], size: number): string {
  const mapped = ranges.reduce((sum, range) => sum + range.last - range.first + 1, 0);
  const text = [
    '<?xml version="1.0" ?>',
    '<bmap version="2.0">',
    `    <ImageSize> ${size} </ImageSize>`,
    `    <BlockSize> ${BLOCK} </BlockSize>`,
    `    <BlocksCount> ${Math.ceil(size / BLOCK)} </BlocksCount>`,
    `    <MappedBlocksCount> ${mapped} </MappedBlocksCount>`,
    "    <ChecksumType> sha256 </ChecksumType>",
    `    <BmapFileChecksum> ${"0".repeat(64)} </BmapFileChecksum>`,
    "    <BlockMap>",
    ...ranges.map(({ first, last, sha256 }) => {
      const blocks = first === last ? String(first) : `${first}-${last}`;
      return `        <Range chksum="${sha256}"> ${blocks} </Range>`;
    }),
    "    </BlockMap>",
    "</bmap>",
    "",
  ].join("\n");
  return text.replace("0".repeat(64), createHash("sha256").update(text).digest("hex"));
}
