export interface BackendCounts {
  readonly requests: number;
  readonly clientErrors: number;
  readonly serverErrors: number;
  /** Average of the last 1024 requests. */
  readonly responseMs: number;
  readonly open: number;
  /** Servers that take requests. */
  readonly ready: number;
}

const OWN = new Set(["no-route", "tls", "admin"]);

/** Backends of HAProxy's statistics in CSV (https://docs.haproxy.org/2.6/management.html#9.1). */
export function readBackends(csv: string): ReadonlyMap<string, BackendCounts> {
  const [heading = "", ...lines] = csv.split("\n");
  const names = heading.replace(/^#\s*/, "").split(",");
  const found = new Map<string, BackendCounts>();
  for (const line of lines) {
    const cells = line.split(",");
    const cell = (name: string): string => cells[names.indexOf(name)] ?? "";
    const number = (name: string): number => Number(cell(name)) || 0;
    if (cell("svname") !== "BACKEND" || OWN.has(cell("pxname"))) continue;
    found.set(cell("pxname"), {
      requests: cell("mode") === "tcp" ? number("stot") : number("req_tot"),
      clientErrors: number("hrsp_4xx"),
      serverErrors: number("hrsp_5xx"),
      responseMs: number("rtime"),
      open: number("scur"),
      ready: number("act"),
    });
  }
  return found;
}
