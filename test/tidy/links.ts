import { posix } from "node:path";
import type { Violation } from "./violation.ts";

const FENCED = /^```.*?^```/gms;

/**
 * Links of manuals to files and headings that are not there.
 * @param manuals path inside the repository → Markdown
 * @param exists whether another file of the repository is there
 */
export function checkLinks(manuals: ReadonlyMap<string, string>, exists: (path: string) => boolean): Violation[] {
  const places = new Map([...manuals].map(([path, text]) => [path, headingsOf(text)]));
  return [...manuals].flatMap(([path, text]) =>
    [...blanked(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap((link) => {
      const [file = "", heading] = (link[1] ?? "").split("#");
      if (/^[a-z]+:/.test(file)) return [];
      const target = file === "" ? path : posix.normalize(posix.join(posix.dirname(path), file));
      const headings = places.get(target);
      const isThere = headings === undefined ? exists(target) : heading === undefined || headings.has(heading);
      if (isThere) return [];
      const line = text.slice(0, link.index).split("\n").length;
      return [{ rule: "links", path, line, message: `there is no ${link[1]}` }];
    }),
  );
}

/** As GitHub makes anchors of headings: https://docs.github.com/en/get-started/writing-on-github#section-links */
function headingsOf(text: string): ReadonlySet<string> {
  const headings = [...blanked(text).matchAll(/^#+ +(.*)$/gm)].map(([, title = ""]) => title);
  return new Set(
    headings.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Examples hold brackets that are no links; lines keep their numbers. */
function blanked(text: string): string {
  return text.replaceAll(FENCED, (block) => block.replaceAll(/[^\n]/g, " "));
}
