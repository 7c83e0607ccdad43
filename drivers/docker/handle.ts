import * as v from "valibot";
import type { TaskHandle } from "../driver.ts";

const DockerStateSchema = v.object({
  containerId: v.string(),
  tty: v.boolean(),
  stdoutPath: v.string(),
  stderrPath: v.string(),
});
export type DockerState = v.InferOutput<typeof DockerStateSchema>;

export function dockerStateOf(handle: TaskHandle): DockerState | undefined {
  const parsed = v.safeParse(DockerStateSchema, handle.state);
  return parsed.success ? parsed.output : undefined;
}
