import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { BenchContext } from "../harness.ts";

const SERVER = new URL("./serve.ts", import.meta.url).pathname;

export interface ApiServer {
  readonly child: ChildProcess;
  readonly port: number;
}

/** `serve.ts` on a folder of its own; ended with the bench. */
export async function startServer(context: BenchContext, nodes: number): Promise<ApiServer> {
  const folder = await context.tempDir();
  const options = { stdio: ["ignore", "inherit", "inherit", "ipc"] as ["ignore", "inherit", "inherit", "ipc"] };
  const child = fork(SERVER, [folder, String(nodes)], { ...options, execArgv: ["--expose-gc"] });
  context.defer(() => void child.kill());
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { child, port };
}

/** A question to the server's process, and its answer. */
export async function tell<T>({ child }: ApiServer, question: string): Promise<T> {
  child.send(question);
  const [answer] = (await once(child, "message")) as [T];
  return answer;
}

export function jobBody(id: string, count: number): string {
  return JSON.stringify({
    Job: {
      ID: id,
      Name: id,
      Type: "service",
      Datacenters: ["*"],
      TaskGroups: [
        {
          Name: "web",
          Count: count,
          Tasks: [
            {
              Name: "main",
              Driver: "mock",
              Config: { image: "registry.example/web:1.2.3", run_for: "1h" },
              Env: { LOG_LEVEL: "info", PORT: "8080" },
              Resources: { CPU: 10, MemoryMB: 16 },
            },
          ],
        },
      ],
    },
  });
}
