import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import * as v from "valibot";
import { pythonProgram } from "#test/clients/programs.ts";

const SaidSchema = v.object({
  endpoint: v.string(),
  region: v.string(),
  id: v.string(),
  secret: v.string(),
  /** Of `tools/the tool+1.txt` in the bucket `things`. */
  signed: v.string(),
});

export interface Objects extends v.InferOutput<typeof SaidSchema> {
  stop(): Promise<void>;
}

/** A real S3 server with one object, which it gives for signed URLs only. */
export async function startObjects(): Promise<Objects> {
  const [program = "", ...args] = await pythonProgram(import.meta.dirname, "s3-objects.py");
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said = (said + data.toString()).slice(-2000)));
  const first: unknown[] = await Promise.race([once(createInterface(child.stdout), "line"), once(child, "exit")]);
  if (typeof first[0] !== "string") throw new Error(`the S3 server did not start: ${said}`);
  const exited = once(child, "exit");
  return {
    ...v.parse(SaidSchema, JSON.parse(first[0])),
    async stop() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
