import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";
import { freePort } from "#test/free-ports.ts";

const run = promisify(execFile);

export interface UnboundOptions {
  readonly folder: string;
  /** A name that it answers as soon as it is up. */
  readonly ready: string;
  /** Lines of its `server:` block, and what comes behind that. */
  readonly server: readonly string[];
  readonly rest: readonly string[];
}

/** Debian's unbound at a free port of loopback, ended with the test. */
export async function startUnbound(
  t: ExecutionContext,
  { folder, ready, server, rest }: UnboundOptions,
): Promise<{ readonly port: number }> {
  const port = await freePort();
  const config = [
    "server:",
    "interface: 127.0.0.1",
    `port: ${port}`,
    `directory: "${folder}"`,
    'pidfile: ""',
    'chroot: ""',
    'username: ""',
    "use-syslog: no",
    "do-daemonize: no",
    "num-threads: 1",
    ...server,
    ...rest,
    "remote-control:",
    "control-enable: no",
  ];
  await writeFile(join(folder, "unbound.conf"), config.join("\n"));
  const child = spawn("unbound", ["-d", "-c", join(folder, "unbound.conf")], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said += data.toString()));
  t.teardown(async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  for (;;) {
    if (child.exitCode !== null) throw new Error(said);
    const question = ["@127.0.0.1", "-p", String(port), "+tries=1", "+time=1", ready];
    const answered = await run("dig", question).then(
      () => true,
      () => false,
    );
    if (answered) return { port };
    await wait(100);
  }
}
