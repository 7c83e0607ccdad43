/** Folders whose sub-folders are rooms of their own; every other top folder is one room. */
const HOUSES = ["base", "daemons"];

/** Who may import whom: the table of the design. A name ending in `/*` stands for all rooms of that house. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "base/env": [],
  "base/protocol": ["base/env"],
  "base/language": ["base/env", "base/protocol"],
  "base/state": ["base/env", "base/protocol", "base/language"],
  "base/http": ["base/env", "base/protocol", "base/language"],
  "base/client": ["base/env", "base/protocol", "base/language"],
  "base/platform": ["base/*"],
  "daemons/*": ["base/env", "base/protocol", "base/language", "base/state", "base/http", "base/client"],
  drivers: ["base/env", "base/protocol", "base/language", "base/client"],
  ingress: ["base/env", "base/protocol", "base/language", "base/client"],
  packs: [],
  sim: [
    "base/env",
    "base/protocol",
    "base/language",
    "base/state",
    "base/http",
    "base/client",
    "daemons/*",
    "drivers",
    "ingress",
    "packs",
  ],
  "os-image": ["base/*"],
  cli: ["base/*", "daemons/*", "drivers", "ingress", "packs", "os-image"],
  ui: [],
  scripts: ["base/*", "cli"],
  bench: ["*"],
  test: ["*"],
};

/** Arrows that exist for types only: [from, file or room]. */
export const MAY_IMPORT_TYPES: readonly (readonly [from: string, to: string])[] = [
  ["daemons/*", "drivers/driver.ts"],
  ["ui", "base/protocol"],
];

/** Rooms that touch the real world: everywhere else effects go through Env. */
export const EFFECT_ROOMS: readonly string[] = ["base/platform", "cli", "os-image", "bench", "test", "scripts"];

/** The room a file belongs to, e.g. `base/state` for `base/state/sqlite/engine.ts`; a file at the root has none. */
export function roomOf(path: string): string | undefined {
  const parts = path.split("/");
  const top = parts[0];
  if (top === undefined || parts.length < 2) return undefined;
  if (!HOUSES.includes(top)) return top;
  return parts.length < 3 ? undefined : `${top}/${parts[1]}`;
}

export function matchesRoom(pattern: string, room: string): boolean {
  if (pattern === "*" || pattern === room) return true;
  return pattern.endsWith("/*") && room.startsWith(pattern.slice(0, -1));
}

/** The table row of a room, or undefined where the design knows no such room. */
export function allowedFrom(room: string): readonly string[] | undefined {
  const key = Object.keys(MAY_IMPORT).find((pattern) => matchesRoom(pattern, room));
  return key === undefined ? undefined : MAY_IMPORT[key];
}
