import { fail, succeed, type Result } from "#base/env/errors.ts";
import { nearest } from "#base/language/nearest.ts";
import type { Settings } from "../../settings/settings.ts";
import { DNS_ELEMENTS } from "./dns-elements.ts";
import type { Element } from "./element.ts";
import { OTHER_ELEMENTS } from "./other-elements.ts";

/** Depth of what a client sends. */
const MAX_DEPTH = 8;

export const ELEMENTS: readonly Element[] = [...DNS_ELEMENTS, ...OTHER_ELEMENTS];
const BY_PATH: ReadonlyMap<string, Element> = new Map(ELEMENTS.map((element) => [element.path, element]));

/** A tree, or a leaf, of Pi-hole's configuration. */
export interface ConfigTree {
  [key: string]: unknown;
}

export function elementAt(path: string): Element | undefined {
  return BY_PATH.get(path);
}

/** Everything at or below `path` (`""`: all), as a tree from the root; undefined: there is nothing. */
export function readTree(path: string, leaf: (element: Element) => unknown): ConfigTree | undefined {
  const found = ELEMENTS.filter(
    (element) => path === "" || element.path === path || element.path.startsWith(`${path}.`),
  );
  if (found.length === 0) return undefined;
  const root: ConfigTree = {};
  for (const element of found) plant(root, element.path.split("."), leaf(element));
  return root;
}

function plant(tree: ConfigTree, [key = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const below = tree[key];
  const next: ConfigTree = isTree(below) ? below : {};
  tree[key] = next;
  plant(next, rest, value);
}

/** The settings with everything a tree says; the first thing wrong with it is the failure, and nothing is changed. */
export function writeTree(settings: Settings, tree: ConfigTree): Result<Settings> {
  const leaves: [string, unknown][] = [];
  const problem = collect(tree, "", leaves);
  if (problem !== undefined) return problem;
  let next = settings;
  for (const [path, value] of leaves) {
    const element = BY_PATH.get(path);
    if (element === undefined) return unknownPath(path);
    const written = element.write(next, value);
    if (!written.ok) return written;
    next = written.value;
  }
  return succeed(next);
}

export function unknownPath(path: string): Result<never> {
  const near = nearest(path, [...BY_PATH.keys()]);
  return fail("bad_request", `there is no setting ${path}`, near === undefined ? undefined : `did you mean ${near}?`);
}

function collect(tree: ConfigTree, prefix: string, leaves: [string, unknown][]): Result<never> | undefined {
  if (prefix.split(".").length > MAX_DEPTH) return fail("bad_request", `${prefix} is nested too deeply`);
  for (const [key, value] of Object.entries(tree)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    if (BY_PATH.has(path) || !isTree(value)) leaves.push([path, value]);
    else {
      const problem = collect(value, path, leaves);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

export function isTree(value: unknown): value is ConfigTree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
