import { formatted, html } from "./quote.ts";

const TEXTS = {
  "no-server": ["Not available", "No instance of it is healthy now. It is asked again with your next request."],
  maintenance: ["In maintenance", "It is being worked on and will be back."],
} as const;

type Page = keyof typeof TEXTS;

/** Pages that say which service is meant, as log formats: one file for all services. */
export const PAGES: ReadonlyMap<string, string> = new Map(
  (["no-server", "maintenance"] as const).map((kind) => [fileOf(kind), page(kind)]),
);

/** Lines that answer with a page, where the condition holds. */
export function pageLines(kind: Page, services: readonly string[], condition = ""): readonly string[] {
  const named = services
    .slice(0, 5)
    .map((name) => `<b>${html(name.slice(0, 100))}</b>`)
    .join(", ");
  return [
    `http-request set-var-fmt(txn.services) ${formatted(named)} ${condition}`.trimEnd(),
    `http-request return status 503 content-type 'text/html; charset=utf-8' hdr Retry-After 5 lf-file ${fileOf(kind)} ${condition}`.trimEnd(),
  ];
}

function fileOf(kind: Page): string {
  return `pages/${kind}.html`;
}

function page(kind: Page): string {
  const [title, text] = TEXTS[kind];
  return `<!doctype html><html lang=en><meta charset=utf-8><title>${title}</title><body style="font-family:sans-serif;margin:4em auto;max-width:40em"><h1>${title}</h1><p>This address is served by %[var(txn.services)]. ${text}</p></body></html>`;
}
