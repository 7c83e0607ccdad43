import * as v from "valibot";
import type { TaskHandle } from "../driver.ts";

const DockerStateSchema = v.object({
  containerId: v.string(),
  tty: v.boolean(),
  stdoutPath: v.string(),
  stderrPath: v.string(),
  /** The engine's own file of its output; empty, or of an older agent: the engine is asked. */
  logPath: v.optional(v.string(), ""),
  /** What the engine may know its image as, the task's own name first; empty: of an older agent. */
  images: v.optional(v.array(v.string()), () => []),
  imageIsLoaded: v.optional(v.boolean(), false),
});
export type DockerState = v.InferOutput<typeof DockerStateSchema>;

export function dockerStateOf(handle: TaskHandle): DockerState | undefined {
  const parsed = v.safeParse(DockerStateSchema, handle.state);
  return parsed.success ? parsed.output : undefined;
}
