/** What a TAP stream (https://testanything.org/tap-version-13-specification.html) says, counted so that nothing looks better than it is. */
export type Tally = { passed: number; failed: number };

export type TapReader = {
  /** Takes the next line; returns what of it a person should see, or undefined. */
  line(text: string): string | undefined;
  tally(): Tally;
  /** Whether the stream came to its end: the plan is the last thing a runner that lives writes. */
  complete(): boolean;
};

const RESULT = /^(?<not>not )?ok \d+(?: - )?(?<name>.*?)(?<directive> # (?:SKIP|TODO).*)?$/i;

/** Counts results; a skipped or unfinished test counts as failed. Of a failed test the lines to the end of its details are shown. */
export function readTap(): TapReader {
  const tally: Tally = { passed: 0, failed: 0 };
  let showing = false;
  let complete = false;
  return {
    line(text) {
      const result = RESULT.exec(text)?.groups;
      if (result === undefined) {
        if (/^1\.\.\d+/.test(text)) complete = true;
        if (/^(TAP version|1\.\.\d|# (tests|pass|fail|skip|todo) )/.test(text) || text.trim() === "") return undefined;
        if (!showing) return text.startsWith("Bail out!") ? text : undefined;
        // The end of the failure's details; what follows is output of other tests.
        if (text === "  ...") showing = false;
        return text;
      }
      const ok = result["not"] === undefined && result["directive"] === undefined;
      tally[ok ? "passed" : "failed"]++;
      showing = !ok;
      if (ok) return undefined;
      return `FAIL ${result["name"]}${result["directive"] === undefined ? "" : " (skipped: nothing may be skipped)"}`;
    },
    tally: () => tally,
    complete: () => complete,
  };
}
