import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import * as v from "valibot";
import { pythonProgram } from "#test/clients/programs.ts";

const SaidSchema = v.object({ endpoint: v.string(), id: v.string(), secret: v.string() });

export interface S3Server extends v.InferOutput<typeof SaidSchema> {
  /** Its bucket is called `backups`. */
  stop(): Promise<void>;
}

/** A real S3 server, which checks every signature. */
export async function startS3(): Promise<S3Server> {
  const [program = "", ...args] = await pythonProgram(import.meta.dirname, "s3-server.py");
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said = (said + data.toString()).slice(-2000)));
  const lines = createInterface(child.stdout);
  const first: unknown[] = await Promise.race([once(lines, "line"), once(child, "exit")]);
  if (typeof first[0] !== "string") throw new Error(`the S3 server did not start: ${said}`);
  const exited = once(child, "exit");
  return {
    ...v.parse(SaidSchema, JSON.parse(first[0])),
    async stop() {
      child.stdin.end();
      child.kill("SIGKILL");
      await exited;
    },
  };
}
