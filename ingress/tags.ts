import type { Failure } from "#base/env/errors.ts";

/** What a tag asks to expose. */
export type TagRoute =
  | {
      readonly kind: "http";
      readonly host: string;
      readonly path: string;
      readonly strip: string;
      readonly prepend: string;
    }
  | { readonly kind: "tcp"; readonly port: number };

export type TagResult =
  | { readonly ok: true; readonly route: TagRoute }
  | { readonly ok: false; readonly problem: Failure };

export const ROUTE_TAG = "urlprefix-";

/** Kept to what cannot mean anything else in a HAProxy configuration. */
const HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/;
const PATH = /^\/[A-Za-z0-9/._~%:@+,=-]*$/;
const MAX_TAG_LENGTH = 512;

/**
 * Reads a Fabio tag, `urlprefix-[host]/path [option=value …]` or `urlprefix-:port proto=tcp`
 * (https://fabiolb.net/quickstart/). Undefined for tags of other kinds.
 */
export function readTag(tag: string): TagResult | undefined {
  if (!tag.startsWith(ROUTE_TAG)) return undefined;
  if (tag.length > MAX_TAG_LENGTH)
    return problem(tag.slice(0, 40), `is longer than ${MAX_TAG_LENGTH} characters`, "shorten it");
  const [target = "", ...words] = tag.slice(ROUTE_TAG.length).trim().split(/\s+/);
  const options = readOptions(tag, words);
  if (!(options instanceof Map)) return options;
  const proto = options.get("proto") ?? "http";
  if (proto === "tcp") return readTcp(tag, target);
  if (proto !== "http") return problem(tag, `asks for proto=${proto}`, "http and tcp are served");
  const slash = target.indexOf("/");
  if (slash < 0) return problem(tag, "has no path", 'end it with "/", as in urlprefix-example.com/');
  const host = target.slice(0, slash).toLowerCase();
  const path = target.slice(slash);
  const strip = options.get("strip") ?? "";
  const prepend = options.get("prepend") ?? "";
  if (host !== "" && !HOST.test(host))
    return problem(tag, `names the host "${host}"`, "a host name, or *.name for all below it");
  for (const part of [path, strip, prepend]) {
    if (part !== "" && !PATH.test(part))
      return problem(tag, `has the path "${part}"`, 'start with "/" and use letters, digits and / . _ ~ % : @ + , = -');
  }
  return { ok: true, route: { kind: "http", host, path, strip, prepend } };
}

const KNOWN_OPTIONS = ["proto", "strip", "prepend"];

function readOptions(tag: string, words: readonly string[]): Map<string, string> | TagResult {
  const options = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (equals < 0 || !KNOWN_OPTIONS.includes(name))
      return problem(
        tag,
        `has the option "${word}"`,
        `known options: ${KNOWN_OPTIONS.map((known) => `${known}=`).join(" ")}`,
      );
    options.set(name, word.slice(equals + 1));
  }
  return options;
}

function readTcp(tag: string, target: string): TagResult {
  const port = /^:(\d{1,5})$/.exec(target)?.[1];
  const number = Number(port);
  if (port === undefined || number < 1 || number > 65_535)
    return problem(tag, `names the TCP port "${target}"`, 'as in "urlprefix-:5432 proto=tcp"');
  return { ok: true, route: { kind: "tcp", port: number } };
}

function problem(tag: string, what: string, hint: string): TagResult {
  return { ok: false, problem: { code: "ingress_bad_tag", message: `tag ${JSON.stringify(tag)} ${what}`, hint } };
}
