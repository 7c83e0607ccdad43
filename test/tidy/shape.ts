import { posix } from "node:path";
import { roomOf } from "./rooms.ts";
import type { Violation } from "./violation.ts";

const MAX_LINES = 400;
/** A folder has one test file, and tables of cases are long without being deep. */
const MAX_TEST_LINES = 600;
/** A folder with this many sources is a mechanism group and explains itself. */
const README_FROM_FILES = 5;
const MAX_README_LINES = 80;
/** ava starts a process per test file. */
const MAX_TEST_FILES = 180;
const NAMELESS = /^(utils?|helpers?|common|misc|index|shared|lib)$/;

/** Length and names of files, a README per room, one test file per folder. */
export function checkShape(files: ReadonlyMap<string, string>): Violation[] {
  return [
    ...[...files].flatMap(([path, text]) => (isSource(path) ? checkFile(path, text) : [])),
    ...checkReadmes(files),
    ...checkTests([...files.keys()].filter((path) => path.endsWith(".test.ts"))),
  ];
}

function checkFile(path: string, text: string): Violation[] {
  const found: Violation[] = [];
  const lines = text.split("\n").length - 1;
  const limit = path.endsWith(".test.ts") ? MAX_TEST_LINES : MAX_LINES;
  if (lines > limit) {
    found.push({
      rule: "length",
      path,
      line: limit + 1,
      message: `${lines} lines; ${limit} is the limit: look for the second mechanism`,
    });
  }
  const stem = posix.basename(path).replace(/\.(test\.)?\w+$/, "");
  if (NAMELESS.test(stem)) {
    found.push({
      rule: "names",
      path,
      line: 1,
      message: `'${stem}' says nothing: name the file for the mechanism inside`,
    });
  }
  return found;
}

function checkReadmes(files: ReadonlyMap<string, string>): Violation[] {
  const sources = [...files.keys()].filter(isSource);
  const rooms = new Set(sources.map(roomOf).filter((room) => room !== undefined));
  const perFolder = Map.groupBy(sources, (path) => posix.dirname(path));
  // test/ mirrors the rooms, whose own READMEs speak for it.
  const groups = [...perFolder].filter(
    ([folder, inside]) => inside.length >= README_FROM_FILES && !folder.startsWith("test/"),
  );
  const wanted = new Set([...rooms, ...groups.map(([folder]) => folder)].filter((folder) => folder !== "."));
  return [...wanted].toSorted().flatMap((folder) => {
    const path = `${folder}/README.md`;
    const text = files.get(path);
    if (text === undefined) {
      return [
        {
          rule: "readme",
          path,
          line: 1,
          message: "missing: what lives here, the one idea, where to start, what may not enter",
        },
      ];
    }
    const lines = text.split("\n").length - 1;
    if (lines >= 3 && lines <= MAX_README_LINES) return [];
    return [{ rule: "readme", path, line: 1, message: `${lines} lines; a room's README has 3 to ${MAX_README_LINES}` }];
  });
}

function checkTests(tests: readonly string[]): Violation[] {
  const found: Violation[] = [];
  if (tests.length > MAX_TEST_FILES) {
    found.push({
      rule: "tests",
      path: "test",
      line: 1,
      message: `${tests.length} test files; ${MAX_TEST_FILES} is the limit`,
    });
  }
  for (const [folder, inside] of Map.groupBy(tests, (path) => posix.dirname(path))) {
    const [first, second] = inside;
    // Scenarios are whole stories; each is a file of its own.
    if (folder === "test/scenario" || first === undefined || second === undefined) continue;
    found.push({
      rule: "tests",
      path: second,
      line: 1,
      message: `one test file per folder, and ${first} is there already`,
    });
  }
  for (const path of tests.filter((each) => !each.startsWith("test/"))) {
    found.push({ rule: "tests", path, line: 1, message: "tests live under test/, which mirrors the rooms" });
  }
  return found;
}

function isSource(path: string): boolean {
  return /\.(ts|mjs|js)$/.test(path) && !path.includes("/fixtures/");
}
