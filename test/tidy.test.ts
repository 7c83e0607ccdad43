import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import test from "ava";
import { checkLinks } from "./tidy/links.ts";
import { checkTree } from "./tidy/tidy.ts";
import { formatViolation } from "./tidy/violation.ts";

const root = new URL("..", import.meta.url).pathname;

test("the tree keeps the rules", (t) => {
  const listed = execFileSync("git", ["-C", root, "ls-files", "-co", "--exclude-standard"], { encoding: "utf8" });
  const paths = listed.split("\n").filter((path) => /\.(ts|mjs|js)$|(^|\/)README\.md$/.test(path));
  t.true(paths.length > 5, "git listed the sources");
  const violations = checkTree(new Map(paths.flatMap((path) => readIfThere(path))));
  t.deepEqual(violations.map(formatViolation), []);
});

test("links in the manuals lead somewhere", (t) => {
  const listed = execFileSync("git", ["-C", root, "ls-files", "-co", "--exclude-standard"], { encoding: "utf8" });
  const manuals = new Map(
    listed
      .split("\n")
      .filter((path) => path.endsWith(".md"))
      .flatMap((path) => readIfThere(path)),
  );
  t.true(manuals.has("docs/jobs.md"), "git listed the manuals");
  t.deepEqual(checkLinks(manuals, (path) => existsSync(`${root}/${path}`)).map(formatViolation), []);
  const planted = new Map([
    [
      "docs/a.md",
      "# One `two`\n\n```sh\n[x](no.md)\n```\n[1](#one-two) [2](b.md#b-c) [3](../LICENSE) [4](https://x.org/#y)\n",
    ],
    ["docs/b.md", "## B: c\n\n[5](a.md#three)\n[6](no.md)\n"],
  ]);
  t.deepEqual(checkLinks(planted, (path) => path === "LICENSE").map(formatViolation), [
    "docs/b.md:3: there is no a.md#three [links]",
    "docs/b.md:4: there is no no.md [links]",
  ]);
});

/** git still lists a file that was deleted and not yet committed. */
function readIfThere(path: string): [string, string][] {
  try {
    return [[path, readFileSync(`${root}/${path}`, "utf8")]];
  } catch {
    return [];
  }
}

const readme = "# x\n\nwhat lives here\nthe one idea\n";

/** Each row: file, source, and the rule it must break; `undefined` for what is allowed. */
const plants: readonly (readonly [path: string, text: string, rule: string | undefined])[] = [
  // Import table
  ["base/env/a.ts", 'import { x } from "#base/protocol/x.ts";', "imports"],
  ["base/protocol/a.ts", 'import { x } from "#base/env/x.ts";', undefined],
  ["base/protocol/a.ts", 'import type { x } from "#base/state/x.ts";', "imports"],
  ["base/state/a.ts", 'import { x } from "../env/x.ts";', "imports"],
  ["base/state/deep/a.ts", 'import { x } from "../engine.ts";', undefined],
  ["base/state/a.ts", 'export { x } from "#base/platform/x.ts";', "imports"],
  ["base/state/a.ts", 'export * from "#base/http/x.ts";', "imports"],
  ["base/http/a.ts", 'const x = async () => await import("#base/state/x.ts");', "imports"],
  ["base/http/a.ts", 'export type X = import("#base/state/x.ts").X;', "imports"],
  ["base/platform/a.ts", 'import { x } from "#base/state/x.ts";', undefined],
  ["base/platform/a.ts", 'import { x } from "#daemons/discovery/x.ts";', "imports"],
  ["daemons/dns/a.ts", 'import { x } from "#daemons/discovery/x.ts";', "imports"],
  ["daemons/dns/a.ts", 'import { x } from "#base/platform/x.ts";', "imports"],
  ["daemons/dns/a.ts", 'import { x } from "#base/http/x.ts";', undefined],
  ["daemons/scheduler/a.ts", 'import type { Driver } from "#drivers/driver.ts";', undefined],
  ["daemons/scheduler/a.ts", 'import { type Driver } from "#drivers/driver.ts";', undefined],
  ["daemons/scheduler/a.ts", 'import { Driver } from "#drivers/driver.ts";', "imports"],
  ["daemons/scheduler/a.ts", 'import type { D } from "#drivers/docker/d.ts";', "imports"],
  ["drivers/docker/a.ts", 'import { x } from "#base/state/x.ts";', "imports"],
  ["drivers/docker/a.ts", 'import { x } from "../driver.ts";', undefined],
  ["sim/a.ts", 'import { x } from "#base/platform/x.ts";', "imports"],
  ["sim/a.ts", 'import { x } from "#daemons/discovery/x.ts";', undefined],
  ["os-image/a.ts", 'import { x } from "#base/platform/x.ts";', undefined],
  ["os-image/a.ts", 'import { x } from "#drivers/driver.ts";', "imports"],
  ["cli/a.ts", 'import { x } from "#sim/world.ts";', "imports"],
  ["cli/a.ts", 'import { x } from "#daemons/discovery/x.ts";', undefined],
  ["cli/a.ts", 'import p from "../package.json" with { type: "json" };', undefined],
  ["cli/a.ts", 'import { x } from "../outside.ts";', "imports"],
  ["ui/a.ts", 'import type { Job } from "#base/protocol/job.ts";', undefined],
  ["ui/a.ts", 'import { Job } from "#base/protocol/job.ts";', "imports"],
  ["attic/a.ts", "export const x = 1;", "imports"],
  // Effects
  ["base/state/a.ts", "export const f = () => Date.now();", "effects"],
  ["base/state/a.ts", 'export const f = () => Date["now"]();', "effects"],
  ["base/state/a.ts", "export const f = () => new Date();", "effects"],
  ["base/state/a.ts", "export const f = () => Date();", "effects"],
  ["base/state/a.ts", "export const f = (ms: number) => new Date(ms);", undefined],
  ["base/state/a.ts", "export const f = () => Math.random();", "effects"],
  ["base/state/a.ts", "export const f = () => { const { random } = Math; return random(); };", "effects"],
  ["base/state/a.ts", "export const f = () => Math.max(1, 2);", undefined],
  ["base/state/a.ts", "export const f = () => crypto.randomUUID();", "effects"],
  ["daemons/dns/a.ts", "export const f = () => setTimeout(() => {}, 1);", "effects"],
  ["daemons/dns/a.ts", "export const f = () => setInterval(() => {}, 1);", "effects"],
  ["daemons/dns/a.ts", "export const f = () => setImmediate(() => {});", "effects"],
  ["daemons/dns/a.ts", "export const f = (clock: Clock) => clock.setTimeout(1);", undefined],
  ["daemons/dns/a.ts", "export const f = () => process.pid;", "effects"],
  ["daemons/dns/a.ts", "export const f = () => ({ process });", "effects"],
  ["daemons/dns/a.ts", "export const f = (process: number) => process;", undefined],
  ["daemons/dns/a.ts", "export function f(x: { fetch: F }) { const { fetch } = x; return fetch(); }", undefined],
  ["daemons/dns/a.ts", "export function g() { return fetch; } function f(fetch: F) { return fetch(); }", "effects"],
  ["daemons/dns/a.ts", "export type T = { process: number }; export const x = { process: 1 }.process;", undefined],
  ["ingress/a.ts", "export const f = () => performance.now();", "effects"],
  ["ingress/a.ts", "export const f = () => globalThis.x;", "effects"],
  ["base/http/a.ts", 'import { createServer } from "node:http";', "effects"],
  ["base/http/a.ts", 'import type { Server } from "node:http";', "effects"],
  ["base/http/a.ts", 'import { gzipSync } from "node:zlib";', undefined],
  ["base/http/a.ts", 'import { gzip } from "node:zlib";', "effects"],
  ["base/http/a.ts", 'import * as zlib from "node:zlib";', "effects"],
  ["base/http/a.ts", 'import { createHash, timingSafeEqual } from "node:crypto";', undefined],
  ["base/http/a.ts", 'import { randomBytes } from "node:crypto";', "effects"],
  ["base/http/a.ts", 'import { generateKeyPairSync } from "node:crypto";', "effects"],
  ["base/http/a.ts", 'import crypto from "node:crypto";', "effects"],
  ["base/http/a.ts", 'import { inspect } from "node:util"; import { Buffer } from "node:buffer";', undefined],
  ["base/http/a.ts", 'import { posix } from "node:path";', "effects"],
  ["base/http/a.ts", 'import { join } from "node:path/posix";', undefined],
  ["base/http/a.ts", 'export const f = () => import("node:fs");', "effects"],
  ["base/platform/a.ts", 'import { readFileSync } from "node:fs"; export const f = () => Date.now();', undefined],
  ["sim/a.ts", "export const f = () => Math.random();", "effects"],
  ["test/a.ts", "setTimeout(() => process.exit(), Date.now());", undefined],
  // State and side effects of modules
  ["base/state/a.ts", "let count = 0; export const f = () => count++;", "module-state"],
  ["base/state/a.ts", "export let count = 0;", "module-state"],
  ["base/state/a.ts", "const seen = new Map<string, number>();", "module-state"],
  ["base/state/a.ts", 'const names = new Map([["a", 1]]);', undefined],
  ["base/state/a.ts", "const lines = new WeakMap();", undefined],
  ["base/state/a.ts", "export const queue: string[] = [];", "module-state"],
  ["base/state/a.ts", "export const none: readonly string[] = [];", undefined],
  ["base/state/a.ts", "export const none: ReadonlyMap<string, number> = new Map();", undefined],
  ["base/state/a.ts", "const cache = {};", "module-state"],
  ["base/state/a.ts", 'import "./b.ts";', "module-state"],
  ["base/state/a.ts", "function f() {} f();", "module-state"],
  ["base/state/a.ts", "for (const x of [1]) x;", "module-state"],
  ["base/platform/a.ts", "let handle: number | undefined;", "module-state"],
  ["base/platform/sqlite-worker.ts", "let handle: number | undefined; start();", undefined],
  ["sim/run.ts", "run();", undefined],
  ["sim/run.ts", "process.exit(1);", undefined],
  ["sim/world.ts", "export const f = () => setImmediate(() => {});", "effects"],
  // Shape
  ["base/state/a.ts", "// line\n".repeat(401), "length"],
  ["base/state/a.ts", "// line\n".repeat(400), undefined],
  ["test/base/state/state.test.ts", "// line\n".repeat(600), undefined],
  ["test/base/state/state.test.ts", "// line\n".repeat(601), "length"],
  ["base/state/utils.ts", "export const x = 1;", "names"],
  ["test/base/state/index.ts", "export const x = 1;", "names"],
  ["base/state/a.test.ts", "export const x = 1;", "tests"],
  ["base/state/a.ts", "export const = ;", "syntax"],
];

for (const [path, text, rule] of plants) {
  const shown = text.length > 70 ? `${text.slice(0, 70)}…` : text;
  test(`${rule ?? "allowed"}: ${path}: ${shown}`, (t) => {
    const room = path.split("/").slice(0, /^(base|daemons)\//.test(path) ? 2 : 1);
    const found = checkTree(
      new Map([
        [path, text],
        [`${room.join("/")}/README.md`, readme],
      ]),
    );
    t.deepEqual([...new Set(found.map((each) => each.rule))], rule === undefined ? [] : [rule]);
  });
}

test("every room has a README of a few lines, and so has a folder of five files", (t) => {
  const five = ["a", "b", "c", "d", "e"].map((name): [string, string] => [`drivers/docker/${name}.ts`, ""]);
  const missing = checkTree(new Map([...five, ["drivers/README.md", readme]]));
  t.deepEqual(missing.map(formatViolation).length, 1);
  t.is(missing[0]?.path, "drivers/docker/README.md");
  t.is(checkTree(new Map([["daemons/dns/a.ts", ""]]))[0]?.path, "daemons/dns/README.md");
  t.is(
    checkTree(
      new Map([
        ["sim/a.ts", ""],
        ["sim/README.md", "\n"],
      ]),
    )[0]?.rule,
    "readme",
  );
});

test("one test file per folder, and a limit on all of them", (t) => {
  const twins = checkTree(
    new Map([
      ["test/base/env/a.test.ts", ""],
      ["test/base/env/b.test.ts", ""],
      ["test/README.md", readme],
    ]),
  );
  t.deepEqual(
    twins.map(({ rule, path }) => [rule, path]),
    [["tests", "test/base/env/b.test.ts"]],
  );
  const many = Array.from({ length: 181 }, (_, n): [string, string] => [`test/base/m${n}/a.test.ts`, ""]);
  t.regex(
    checkTree(new Map([...many, ["test/README.md", readme]]))
      .map(formatViolation)
      .join("\n"),
    /180 is the limit/,
  );
});

test("a message names file, line and remedy", (t) => {
  const [found] = checkTree(
    new Map([
      ["base/state/a.ts", "\n\nexport const f = () => Date.now();"],
      ["base/state/README.md", readme],
    ]),
  );
  t.is(
    found && formatViolation(found),
    "base/state/a.ts:3: Date.now is not for base/state: take it from Env [effects]",
  );
});
