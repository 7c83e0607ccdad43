import { readFileSync } from "node:fs";

/** What a document shows in blocks of a language, as a reader copies it. */
export function examplesIn(document: string, language: string): readonly string[] {
  const text = readFileSync(new URL(`../docs/${document}`, import.meta.url), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  return blocks.flatMap(([, named, block = ""]) => (named === language ? [block] : []));
}
