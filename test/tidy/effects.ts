import { visitGlobals } from "./globals.ts";
import { EFFECT_ROOMS, matchesRoom, roomOf } from "./rooms.ts";
import type { Import, Node, Source } from "./source.ts";
import { isNode } from "./source.ts";
import type { Violation } from "./violation.ts";

/** Globals that reach time, chance or the machine. `new Date(x)`, `Math.max` and `crypto.subtle` stay free. */
const BANNED_GLOBALS: readonly string[] = [
  "process",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "clearImmediate",
  "performance",
  "fetch",
  "WebSocket",
  "EventSource",
  "console",
  "require",
  "eval",
  "globalThis",
  "global",
];

const BANNED_MEMBERS: readonly string[] = [
  "Date.now",
  "Math.random",
  "Temporal.Now",
  "crypto.getRandomValues",
  "crypto.randomUUID",
  "AbortSignal.timeout",
  "Atomics.wait",
  "Atomics.waitAsync",
];

/** Node modules that compute and nothing else; for the rest the value is the names that are still pure. */
const PURE_MODULES: Readonly<Record<string, RegExp>> = {
  "node:buffer": /^(?!default$|\*$)/,
  "node:util": /^(?!default$|\*$|getSystemErrorMessage|transferable)/,
  "node:url": /^(?!default$|\*$)/,
  "node:path/posix": /./,
  "node:zlib": /^(\w+Sync|constants|crc32)$/,
  "node:crypto":
    /^(?!default$|\*$|webcrypto$|getRandomValues$|subtle$)(?!random|generate|.*scrypt$|pbkdf2$|hkdf$|argon2$)/,
};

/** Outside the rooms of the real world, effects go through Env. */
export function checkEffects(source: Source): Violation[] {
  const room = roomOf(source.path);
  // The replay command is the one program of the simulator: it reads its arguments and hands in the macrotask.
  if (source.path === "sim/run.ts") return [];
  // The browser client runs in no simulation; its own room decides.
  if (room === undefined || room === "ui" || EFFECT_ROOMS.some((pattern) => matchesRoom(pattern, room))) return [];
  const report = (line: number, what: string): Violation => ({
    rule: "effects",
    path: source.path,
    line,
    message: `${what} is not for ${room}: take it from Env`,
  });
  const found = source.imports.filter((each) => !isPure(each)).map((each) => report(each.line, `'${each.specifier}'`));
  visitGlobals(source.body, (name, node, parent) => {
    const what = bannedUse(name, parent);
    if (what !== undefined) found.push(report(source.lineOf(node), what));
  });
  return found;
}

function isPure({ specifier, names }: Import): boolean {
  if (!specifier.startsWith("node:")) return true;
  const pure = PURE_MODULES[specifier];
  return pure !== undefined && names.every((name) => pure.test(name));
}

function bannedUse(name: string, parent: Node): string | undefined {
  if (BANNED_GLOBALS.includes(name)) return name;
  if (name === "Date" && readsClock(parent)) return parent.type === "NewExpression" ? "new Date()" : "Date()";
  if (!BANNED_MEMBERS.some((member) => member.startsWith(`${name}.`))) return undefined;
  if (parent.type === "MemberExpression" && isNode(parent["property"])) {
    const property = parent["property"]["name"] ?? parent["property"]["value"];
    const member = `${name}.${String(property)}`;
    return BANNED_MEMBERS.includes(member) ? member : undefined;
  }
  // `const { random } = Math` and `const clock = Date` would smuggle the same members out.
  return parent.type === "VariableDeclarator" ? `a second name for ${name}` : undefined;
}

function readsClock(parent: Node): boolean {
  const callee = isNode(parent["callee"]) ? parent["callee"]["name"] : undefined;
  if (callee !== "Date") return false;
  return parent.type === "CallExpression" || (parent["arguments"] as unknown[]).length === 0;
}
