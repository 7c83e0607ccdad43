import type { TestResults } from "./tap.ts";

/** So many files may have failed by chance; where more do, something is wrong with all. */
export const MAX_REPEATED_FILES = 3;

/**
 * The files in which the failed tests stand, to be run once more alone; none where a failure is no test's (a crash, a runner that died), or where
 * there are too many.
 */
export function filesToRepeat(results: TestResults, files: readonly string[]): readonly string[] {
  const wanted = new Set<string>();
  for (const [name, passed] of results) {
    if (passed) continue;
    // The deepest of them: a title may begin as a folder is called.
    const [file] = files
      .filter((each) => name.startsWith(titlesOf(each)))
      .toSorted((one, other) => other.length - one.length);
    if (file === undefined) return [];
    wanted.add(file);
  }
  return wanted.size > MAX_REPEATED_FILES ? [] : [...wanted];
}

/** How the names of a file's tests begin in a run of all. */
export function titlesOf(file: string): string {
  return `${file
    .replace(/^test\//, "")
    .replace(/\.test\.ts$/, "")
    .replaceAll("/", " › ")} › `;
}

/** Tests that failed and passed when their file ran again: their faults have to be found all the same, so they are named. */
export function unstable(first: TestResults, second: TestResults): readonly string[] {
  return [...first].filter(([name, passed]) => !passed && second.get(name) === true).map(([name]) => name);
}

/** Tests that passed and failed when their file ran again. */
export function brokenNow(first: TestResults, second: TestResults): readonly string[] {
  return [...second].filter(([name, passed]) => !passed && first.get(name) === true).map(([name]) => name);
}
