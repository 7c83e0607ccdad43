import { HttpError } from "./http-error.ts";

export interface Target {
  /** As it came, without the query. */
  readonly path: string;
  /** Between the slashes, undecoded; `/v1/kv/` ends in an empty one. */
  readonly segments: readonly string[];
  readonly query: ReadonlyMap<string, readonly string[]>;
  /** The same as it came, without the question mark. */
  readonly queryText: string;
}

export const MAX_SEGMENTS = 256;
export const MAX_QUERY_PARAMETERS = 1000;

const NO_QUERY: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>();

/** Splits a request target (RFC 9112 section 3.2). Throws an {@link HttpError} 400 or 414. */
export function parseTarget(url: string): Target {
  const relative = url.startsWith("/") ? url : originForm(url);
  const hash = relative.indexOf("#");
  const whole = hash < 0 ? relative : relative.slice(0, hash);
  const mark = whole.indexOf("?");
  const path = mark < 0 ? whole : whole.slice(0, mark);
  const segments = path.split("/", MAX_SEGMENTS + 2).slice(1);
  if (segments.length > MAX_SEGMENTS) throw new HttpError(414, `the path has more than ${MAX_SEGMENTS} segments`);
  if (mark < 0) return { path, segments, query: NO_QUERY, queryText: "" };
  const queryText = whole.slice(mark + 1);
  return { path, segments, query: parseQueryText(queryText), queryText };
}

/** Percent-decodes a path segment; a plus stays a plus. Throws an {@link HttpError} 400. */
export function decodeSegment(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, `bad percent-encoding in ${JSON.stringify(text)}: expected UTF-8, as in %C3%A9`);
  }
}

/** `http://host/path`, as proxies send it; anything else (`*`, `host:port`) is no path of ours. */
function originForm(url: string): string {
  const start = /^https?:\/\/[^/?#]*/i.exec(url)?.[0];
  if (start === undefined) throw new HttpError(400, "the request target is not a path");
  const rest = url.slice(start.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function parseQueryText(text: string): ReadonlyMap<string, readonly string[]> {
  const query = new Map<string, string[]>();
  const parts = text.split("&", MAX_QUERY_PARAMETERS + 1);
  if (parts.length > MAX_QUERY_PARAMETERS) {
    throw new HttpError(414, `the query has more than ${MAX_QUERY_PARAMETERS} parameters`);
  }
  for (const part of parts) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = decodeFormText(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? "" : decodeFormText(part.slice(equals + 1));
    const values = query.get(name);
    if (values === undefined) query.set(name, [value]);
    else values.push(value);
  }
  return query;
}

function decodeFormText(text: string): string {
  return decodeSegment(text.includes("+") ? text.replaceAll("+", " ") : text);
}
