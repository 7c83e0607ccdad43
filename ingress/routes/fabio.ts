import type { Failure } from "#base/env/errors.ts";
import { applyOptions, type NamedOption } from "./apply-options.ts";
import { newDraft, routeOf } from "./draft.ts";
import { problem, type Route } from "./route.ts";

export const FABIO_PREFIX = "urlprefix-";

/** Fabio's names of options that we call otherwise; a function gives the value we would write. */
const OPTIONS: Readonly<Record<string, (value: string) => readonly (readonly [string, string])[]>> = {
  strip: (value) => [["strip", value]],
  prepend: (value) => [["prepend", value]],
  proto: (value) => [["proto", value]],
  // `dst` is the address of the server, as if nothing were set; anything else is the name to send.
  host: (value) => (value === "dst" ? [] : [["set-host", value]]),
  weight: (value) => [["share", value]],
  redirect: (value) => [["redirect", value]],
  allow: (value) => [["allow", value.replaceAll("ip:", "")]],
  deny: (value) => [["deny", value.replaceAll("ip:", "")]],
  auth: (value) => [["auth", value]],
  pxyproto: (value) => (value === "true" ? [["send-proxy", "v1"]] : []),
  tlsskipverify: (value) => [["verify", value === "true" ? "false" : "true"]],
  // Of Fabio's own registration in Consul: nothing to do here.
  register: () => [],
};

/** Reads `urlprefix-[host]/path [option=value …]` or `urlprefix-:port proto=tcp` (https://fabiolb.net/quickstart/, https://fabiolb.net/ref/). */
export function readFabioTag(tag: string): Route | Failure {
  const [target = "", ...parts] = tag.slice(FABIO_PREFIX.length).trim().split(/\s+/);
  const options: NamedOption[] = [];
  for (const part of parts) {
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const translate = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (translate === undefined || equals < 0)
      return problem(
        tag,
        `has the option ${JSON.stringify(part)}`,
        `known options: ${Object.keys(OPTIONS)
          .map((known) => `${known}=`)
          .join(" ")}`,
      );
    for (const [ours, value] of translate(part.slice(equals + 1))) options.push({ name: ours, value, source: tag });
  }
  const where = targetOf(
    tag,
    target,
    options.some(({ name, value }) => name === "proto" && value === "tcp"),
  );
  if (!Array.isArray(where)) return where;
  const draft = newDraft();
  const failed = applyOptions([...where, ...options], draft);
  return failed ?? routeOf(draft, { joins: true, source: tag });
}

function targetOf(tag: string, target: string, isTcp: boolean): NamedOption[] | Failure {
  const option = (name: string, value: string): NamedOption => ({ name, value, source: tag });
  if (isTcp) {
    const [sni = "", port = ""] = target.split(":");
    if (!/^\d{1,5}$/.test(port))
      return problem(tag, `names the TCP port ${JSON.stringify(target)}`, 'as in "urlprefix-:5432 proto=tcp"');
    return [option("tcp", port), ...(sni === "" ? [] : [option("sni", sni)])];
  }
  const slash = target.indexOf("/");
  if (slash < 0) return problem(tag, "has no path", 'end it with "/", as in urlprefix-example.com/');
  return [option("host", target.slice(0, slash).replace(/:\d+$/, "")), option("path", target.slice(slash))];
}
