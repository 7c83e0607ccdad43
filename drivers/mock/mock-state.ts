import * as v from "valibot";
import type { TaskHandle } from "../driver.ts";

const MockStateSchema = v.object({
  /** Wall clock: a task ends when its time has come, whether or not an agent looked. */
  endsAtMs: v.number(),
  exitCode: v.number(),
  exitSignal: v.number(),
  exitMessage: v.string(),
  killAfterMs: v.number(),
  signalError: v.string(),
});
export type MockState = v.InferOutput<typeof MockStateSchema>;

export function readMockState(handle: TaskHandle): MockState | undefined {
  const parsed = v.safeParse(MockStateSchema, handle.state);
  return parsed.success ? parsed.output : undefined;
}
