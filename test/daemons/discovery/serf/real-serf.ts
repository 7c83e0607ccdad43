import { spawn, type ChildProcess } from "node:child_process";
import { freePort } from "#test/free-ports.ts";
import type { Owner } from "./live.ts";

/** Debian's `serf agent`; it is killed with the test. */
export async function startRealSerf(
  owner: Owner,
  { name, port }: { readonly name: string; readonly port: number },
  more: readonly string[],
) {
  const rpc = await freePort();
  const places = [`-bind=127.0.0.1:${port}`, `-rpc-addr=127.0.0.1:${rpc}`, "-profile=local"];
  const child: ChildProcess = spawn("serf", ["agent", `-node=${name}`, ...places, ...more], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  owner.teardown(() => kill());
  return { rpcPlace: `127.0.0.1:${rpc}`, kill };
}

/** Runs the `serf` command to its end. */
export function serfCommand(rpcPlace: string, verb: string, ...words: readonly string[]) {
  const child = spawn("serf", [verb, `-rpc-addr=${rpcPlace}`, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  return new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    child.once("close", (code) => resolve({ code: code ?? -1, output }));
  });
}

/** Waits for what others do on a busy machine. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited a minute in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
