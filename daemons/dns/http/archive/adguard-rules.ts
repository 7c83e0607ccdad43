import type { Imported } from "./imported.ts";

/** `||ads.example^`, `@@||good.example^`, `/regex/`, `0.0.0.0 ads.example`, and names. Modifiers have no counterpart. */
export function importRule(rule: string, imported: Imported): void {
  if (rule === "" || rule.startsWith("!") || rule.startsWith("#")) return;
  const isException = rule.startsWith("@@");
  const kind = isException ? "allow" : "deny";
  const body = isException ? rule.slice(2) : rule;
  const [, below] = /^\|\|([a-z0-9._-]+)\^?$/i.exec(body) ?? [];
  const [, regex] = /^\/(.*)\/$/.exec(body) ?? [];
  const [, hosted] = /^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+([a-z0-9._-]+)$/i.exec(body) ?? [];
  const plain = hosted ?? (/^[a-z0-9._-]+$/i.test(body) ? body : undefined);
  if (below !== undefined)
    imported.addRule({
      kind,
      match: "regex",
      text: String.raw`(^|\.)${below.toLowerCase().replaceAll(".", String.raw`\.`)}$`,
    });
  else if (regex !== undefined) imported.addRule({ kind, match: "regex", text: regex });
  else if (plain !== undefined) imported.addRule({ kind, match: "exact", text: plain });
  else imported.leave(`rule ${rule}: its modifiers have no counterpart`);
}
