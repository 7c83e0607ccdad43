import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import type { WaitingFacts } from "./waiting.ts";

/** Nothing from elsewhere, in no frame of anybody's; in a moment another program answers here. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};
const RETRY_S = "5";
const HTML = "text/html; charset=utf-8";
const TEXT = "text/plain; charset=utf-8";

/** Answers for a machine whose agent does not yet: people get a page, programs an error that says why. Files are loaded when somebody asks. */
export function waitingExchange(facts: () => Promise<WaitingFacts>): Exchange {
  return async (request) => {
    const path = pathOf(request);
    if (path === "/v1" || path.startsWith("/v1/")) return refuse(path, await facts());
    if (request.method !== "GET" && request.method !== "HEAD")
      return { ...answer(405, TEXT, "only GET and HEAD\n"), headers: { ...HEADERS, allow: "GET, HEAD" } };
    if (path === "/ui" || path.startsWith("/ui/"))
      return { status: 307, headers: { ...HEADERS, location: "/" }, body: "" };
    switch (path) {
      case "/":
        return answer(200, HTML, (await import("./waiting-html.ts")).waitingHtml(await facts()));
      case "/waiting.js":
        return answer(200, "text/javascript; charset=utf-8", (await import("./waiting-html.ts")).WAITING_SCRIPT);
      case "/status.css":
        return answer(200, "text/css; charset=utf-8", (await import("../../agent/page/status-style.ts")).STATUS_STYLE);
      default:
        return answer(404, TEXT, "there is nothing here: this machine is not a member of a cluster yet\n");
    }
  };
}

/**
 * As an agent that is not well says so (https://developer.hashicorp.com/nomad/api-docs/agent#health), with all that the page
 * shows; everything else of the API is not there for now.
 */
function refuse(path: string, facts: WaitingFacts): ExchangeResponse {
  const why = `${facts.Name} is not a member of a cluster yet. ${[facts.Does, ...facts.Codes.map(codeText)].join(" ")}`;
  if (path === "/v1/agent/health") {
    const unwell = { ok: false, message: why };
    return answer(500, "application/json", JSON.stringify({ client: unwell, server: unwell, waiting: facts }));
  }
  const refused = answer(503, TEXT, `${why}\n`);
  return { ...refused, headers: { ...refused.headers, "retry-after": RETRY_S } };
}

function codeText({ Server, Code }: WaitingFacts["Codes"][number]): string {
  return `Its code for the cluster of ${Server} is ${Code}.`;
}

function answer(status: number, contentType: string, body: string): ExchangeResponse {
  return { status, headers: { ...HEADERS, "content-type": contentType }, body };
}

/** Without its query; what is no target of ours is none at all. */
function pathOf({ url }: ExchangeRequest): string {
  return URL.parse(url, "http://waiting.invalid")?.pathname ?? "";
}
