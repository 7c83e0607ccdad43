import assert from "node:assert/strict";
import { join } from "node:path";
import { digestOf } from "#os-image/oci/archive.ts";
import type { Case, Stage } from "../case.ts";

export const reproducibleCases: readonly Case[] = [{ name: "two builds give the same bytes", run: twice }];

const PARTS = ["root.img", "kernel.img", "disk.img"] as const;

/** In other folders, at other times, under another mask of permissions: what a build must not depend on. */
async function twice({ bench, say }: Stage): Promise<void> {
  const first = await digests(bench, "first", 0o022);
  say("built once");
  const second = await digests(bench, "in/another/folder", 0o077);
  say("built twice");
  assert.deepEqual(second, first);
  for (const [part, digest] of Object.entries(first)) say(`${part} ${digest}`);
}

async function digests(bench: Stage["bench"], name: string, mask: number): Promise<Readonly<Record<string, string>>> {
  const before = process.umask(mask);
  try {
    const work = await bench.system(join("builds", name));
    const found: Record<string, string> = {};
    for (const part of PARTS) found[part] = await digestOf(join(work, part));
    return found;
  } finally {
    process.umask(before);
  }
}
