import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { Exit } from "#base/env/exec.ts";

/** The grace goes by in so many parts: of a time in which this process itself stood still only one counts, and what came meanwhile is read. */
const PARTS = 10;

/**
 * Resolves once the program ended and its pipes are read to their end. A grandchild may hold them open for ever:
 * then they are cut after `graceMs`.
 */
export function whenEnded(child: ChildProcess, graceMs: number): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      const exit = exitOf(code, signal);
      let left = PARTS;
      const pass = (): void => {
        // A slow taker holds it up, not a grandchild.
        const isHeldUp = child.stdout?.isPaused() === true || child.stderr?.isPaused() === true;
        left = isHeldUp ? PARTS : left - 1;
        if (left > 0) {
          timer = setTimeout(pass, graceMs / PARTS).unref();
          return;
        }
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve(exit);
      };
      let timer = setTimeout(pass, graceMs / PARTS).unref();
      child.once("close", () => {
        clearTimeout(timer);
        resolve(exit);
      });
    });
  });
}

/** How long output may still arrive after its program ended. */
export const OUTPUT_GRACE_MS = 1000;

/** How Node reports an end, in the form of {@link Exit}. */
function exitOf(code: number | null, signal: NodeJS.Signals | null): Exit {
  return { code: code ?? 0, signal: signal === null ? 0 : constants.signals[signal] };
}
