import { fail, succeed, type Result } from "#base/env/errors.ts";
import { bytesOfText, textOfBytes } from "./go-bytes.ts";
import { quote } from "../../format/quote.ts";

/** A URL taken apart as Go's net/url does; `path` and `fragment` are decoded. */
export interface GoUrl {
  readonly scheme: string;
  readonly opaque: string;
  readonly userinfo: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

/** `url.Parse` (https://pkg.go.dev/net/url). */
export function parseGoUrl(text: string): Result<GoUrl> {
  const failed = (reason: string): Result<never> => fail("bad_url", `parse ${quote(text)}: ${reason}`);
  if (/[\0-\x1F\x7F]/.test(text)) return failed("net/url: invalid control character in URL");
  const [beforeFragment = "", fragment = ""] = text.split(/#(.*)/s);
  const colon = /^([A-Za-z][A-Za-z\d+.-]*):/.exec(beforeFragment);
  if (beforeFragment.startsWith(":")) return failed("missing protocol scheme");
  const scheme = colon?.[1]?.toLowerCase() ?? "";
  const afterScheme = beforeFragment.slice(colon?.[0].length ?? 0);
  const [rest = "", query = ""] = afterScheme.split(/\?(.*)/s);
  const empty = { scheme, opaque: "", userinfo: "", host: "", path: "", query, fragment: decoded(fragment) ?? "" };
  if (scheme !== "" && !rest.startsWith("/")) return succeed({ ...empty, opaque: rest });
  if (scheme === "" && /^[^/]*:/.test(rest)) return failed("first path segment in URL cannot contain colon");
  const authority = scheme === "" && rest.startsWith("///") ? null : /^\/\/([^/]*)(.*)$/s.exec(rest);
  const rawPath = authority?.[2] ?? rest;
  const path = decoded(rawPath);
  const bad = [rawPath, fragment].map(badEscape).find((escape) => escape !== undefined);
  if (path === undefined || bad !== undefined) return failed(`invalid URL escape ${quote(bad ?? "")}`);
  const at = authority?.[1]?.lastIndexOf("@") ?? -1;
  const host = authority?.[1]?.slice(at + 1) ?? "";
  // In a host only what is beyond ASCII may be escaped.
  const escaped = /%(?![89A-Fa-f][\dA-Fa-f]).{0,2}/s.exec(host)?.[0];
  if (escaped !== undefined) return failed(`invalid URL escape ${quote(escaped)}`);
  if (host.includes(" ")) return failed('invalid character " " in host name');
  const userinfo = at === -1 ? "" : (authority?.[1]?.slice(0, at) ?? "");
  if (!/^[\w\-.:~!$&'()*+,;=%@]*$/.test(userinfo)) return failed("net/url: invalid userinfo");
  if (/^[^[].*\[/s.test(host) || /^\[.*\[/s.test(host)) return failed("invalid IP-literal");
  const port = (host.startsWith("[") ? /\](?::?(.*))$/s : /:([^:]*)$/).exec(host)?.[1];
  if (port !== undefined && !/^\d*$/.test(port)) return failed(`invalid port ${quote(`:${port}`)} after host`);
  return succeed({ ...empty, userinfo, host: decoded(host) ?? host, path });
}

/** The host without its port and brackets. */
export function hostnameOf(host: string): string {
  const bracketed = /^\[(.*)\](?::\d*)?$/.exec(host);
  return bracketed?.[1] ?? host.replace(/:\d*$/, "");
}

/** `url.URL.String`. */
export function printGoUrl({ scheme, opaque, userinfo, host, path, query, fragment }: GoUrl): string {
  const start = scheme === "" ? "" : `${scheme}:`;
  const tail = `${query === "" ? "" : `?${query}`}${fragment === "" ? "" : `#${escapeUrl(fragment, FRAGMENT)}`}`;
  if (opaque !== "") return start + opaque + tail;
  const marked = (scheme !== "" && path !== "") || host !== "" || userinfo !== "";
  const authority = marked ? `//${userinfo === "" ? "" : `${userinfo}@`}${host}` : "";
  const slash = host !== "" && path !== "" && !path.startsWith("/") ? "/" : "";
  return start + authority + slash + escapeUrl(path, PATH) + tail;
}

/** Characters that stay as they are beside letters, digits and `-_.~`. */
const PATH = "$&+,/:;=@";
const FRAGMENT = "$&+,/:;=?@!()*";

function escapeUrl(text: string, plain: string): string {
  let escaped = "";
  for (const byte of bytesOfText(text)) {
    const character = String.fromCharCode(byte);
    const stays = /[A-Za-z0-9\-_.~]/.test(character) || plain.includes(character);
    escaped += stays ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

function badEscape(text: string): string | undefined {
  return /%(?![\dA-Fa-f]{2}).{0,2}/.exec(text)?.[0];
}

function decoded(text: string): string | undefined {
  if (!text.includes("%")) return text;
  const bytes = bytesOfText(text).toString("latin1");
  const raw = bytes.replaceAll(/%([\dA-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return textOfBytes(Buffer.from(raw, "latin1"));
}
