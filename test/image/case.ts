import assert from "node:assert/strict";
import type { SharedMachine } from "./shared-machine.ts";
import type { Workbench } from "./workbench.ts";

/** One story of the image, told to the end; it throws where it goes wrong. */
export interface Case {
  readonly name: string;
  run(stage: Stage): Promise<void>;
  /** What has to be done before; undefined: nothing. */
  readonly needs?: () => string | undefined;
}

export interface Stage {
  readonly bench: Workbench;
  readonly shared: SharedMachine;
  /** A line in the log, with the time since the story began. */
  readonly say: (line: string) => void;
}

/** What the kernel says on emulated processors of a busy machine, and of a disk that was just made larger. */
const HARMLESS = [
  /Unable to calibrate against PIT/,
  /APIC calibration not consistent/,
  /hpet: Lost \d+ RTC interrupts/,
  /inconsistent (fixed|variable) MTRR|inconsistent MTRRdefType/,
  /hrtimer: interrupt took/,
  /LPM support broken/,
  /GPT:|Alternate GPT/,
  /clocksource|watchdog check|TSC|tsc:|Unstable clock detected/,
  /rcu:|soft lockup|workqueue:.*hogged CPU/,
  /Spectre|MDS|Meltdown|RETBleed|Speculative/i,
];

/** Lines of warning or worse that are not explained by where it runs. */
export function seriousWarnings(dmesg: string): readonly string[] {
  // A message of several lines has the time before the first alone.
  const messages = dmesg.replaceAll(/\n +(?=\S)/g, " ").split("\n");
  return messages.filter((each) => each.trim() !== "" && !HARMLESS.some((one) => one.test(each)));
}

export function shows(text: string, what: RegExp, of: string): void {
  assert.match(text, what, `${of} does not show ${String(what)}, but: ${text}`);
}
