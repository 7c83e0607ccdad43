import type { TemplateFunction } from "#base/client/templates/template.ts";

/** A template of a user's own, compiled; `model`: what it gets beside the catalog. Throws when the text is malformed. */
export type OwnTemplate = (model: () => object) => TemplateFunction;

/** A template that something else keeps rendered; its text names the built-in one's parts by their marks. */
export interface FollowedTemplate {
  start(): void;
  stop(): Promise<void>;
  /** Undefined: not all it asks for is known yet. */
  text(): string | undefined;
  /** Why there is no newer text; empty: there is. */
  failure(): string;
}

/** Parts of the built-in template that others take in. */
export const PART_NAMES = ["global", "defaults", "sections", "backends"] as const;

const MARK = /^[ \t]*#<lares-part:([a-z]+)>/gm;

/** What stands for a part until it is filled in: a comment, were it left where it is. */
export function partMark(name: string): string {
  return `#<lares-part:${name}>`;
}

/** Puts the parts in place of their marks. */
export function fillParts(text: string, part: (name: string) => string): string {
  return text.replaceAll(MARK, (_, name: string) => part(name));
}

/**
 * What the ingress needs of HAProxy whatever a user's template says: its socket, and an end for old workers. A second
 * `global` section adds to the first, and at the end it moves no line that HAProxy may complain of.
 */
export const NEEDED = `
# Added by the ingress, which speaks to HAProxy over this socket.
global
    stats socket unix@haproxy.sock mode 600 level admin expose-fd listeners
    hard-stop-after 10m
`;
