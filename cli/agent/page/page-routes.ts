import { route, type Route } from "#base/http/route.ts";

/** Nothing from elsewhere, in no frame of anybody's; typed secrets go nowhere else. */
const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-cache",
};

/** The page for browsers; its files are loaded when somebody asks for one. */
export function pageRoutes(): Route[] {
  const file = (path: string, contentType: string, read: () => Promise<string>): Route =>
    route({
      method: "GET",
      path,
      summary: "The page for browsers",
      group: "page",
      access: { kind: "public" },
      handle: async () => ({ kind: "bytes", body: await read(), contentType, headers: HEADERS }),
    });
  return [
    file("/", "text/html; charset=utf-8", async () => (await import("./status-html.ts")).STATUS_HTML),
    file("/status.css", "text/css; charset=utf-8", async () => (await import("./status-style.ts")).STATUS_STYLE),
    file(
      "/status.js",
      "text/javascript; charset=utf-8",
      async () => (await import("./status-script.ts")).STATUS_SCRIPT,
    ),
  ];
}
