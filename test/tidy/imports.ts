import { posix } from "node:path";
import { allowedFrom, matchesRoom, MAY_IMPORT_TYPES, roomOf } from "./rooms.ts";
import type { Import, Source } from "./source.ts";
import type { Violation } from "./violation.ts";

/** Every arrow between rooms must be in the table, and rooms reach each other by `#room/…`, never by `../`. */
export function checkImports(source: Source): Violation[] {
  const room = roomOf(source.path);
  if (room === undefined) return [];
  const allowed = allowedFrom(room);
  if (allowed === undefined) {
    return [violation(source, 1, `the design knows no room '${room}'; add it to its import table first`)];
  }
  return source.imports.flatMap((found) => checkArrow(source, found, { room, allowed }));
}

function checkArrow(source: Source, found: Import, from: { room: string; allowed: readonly string[] }): Violation[] {
  const target = targetPath(source.path, found.specifier);
  if (target === undefined) return [];
  const to = roomOf(target);
  if (to === from.room) return [];
  // package.json is the one file outside the rooms that code may read (its version).
  if (to === undefined) {
    return target === "package.json"
      ? []
      : [violation(source, found.line, `'${found.specifier}' lies outside every room`)];
  }
  if (!found.specifier.startsWith("#")) {
    return [violation(source, found.line, `'${found.specifier}' leaves the room: write '#${target}'`)];
  }
  if (from.allowed.some((pattern) => matchesRoom(pattern, to))) return [];
  if (found.typeOnly && typeArrow(from.room, to, target)) return [];
  const kind = found.typeOnly ? "types of " : "";
  return [violation(source, found.line, `${from.room} may not import ${kind}${to} ('${found.specifier}')`)];
}

function typeArrow(from: string, to: string, target: string): boolean {
  return MAY_IMPORT_TYPES.some(
    ([pattern, goal]) => matchesRoom(pattern, from) && (goal === target || matchesRoom(goal, to)),
  );
}

/** Path inside the repository, or undefined for a package or a Node built-in. */
function targetPath(path: string, specifier: string): string | undefined {
  if (specifier.startsWith("#")) return specifier.slice(1);
  if (specifier.startsWith(".")) return posix.join(posix.dirname(path), specifier);
  return undefined;
}

function violation(source: Source, line: number, message: string): Violation {
  return { rule: "imports", path: source.path, line, message };
}
