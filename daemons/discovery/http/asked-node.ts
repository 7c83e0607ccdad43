import { decodeSegment } from "#base/http/target.ts";
import type { ConsulDeps } from "./consul-deps.ts";

/** Sent along by agents that pass a request on to the servers: the name of their node, as in a URL. */
export const ASKED_NODE = "x-lares-asked-node";

/** The node whose agent was asked: this one, or the one that passed the request on. */
export function askedNode(
  { headers }: { readonly headers: Readonly<Record<string, string>> },
  { config }: Pick<ConsulDeps, "config">,
): string {
  const given = decodeSegment(headers[ASKED_NODE] ?? "");
  return given === "" ? config.nodeName : given;
}
