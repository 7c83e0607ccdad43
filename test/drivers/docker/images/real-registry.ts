import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { hashSync } from "bcryptjs";
import { freePort } from "#test/free-ports.ts";

export interface RealRegistry {
  /** `127.0.0.1:PORT`: engines take loopback without TLS. */
  readonly address: string;
  /** Its blobs are below. */
  readonly folder: string;
  kill(signal: NodeJS.Signals): void;
  /** Kills it, and resolves when nobody listens any more. */
  end(): Promise<void>;
  /** Again, on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const LOGIN = { username: "builder", password: "s3cret:with-colon" };

/** Debian's docker-registry; with `isClosed` only for {@link LOGIN}. */
export async function startRealRegistry({ isClosed = false } = {}): Promise<RealRegistry> {
  const folder = mkdtempSync(`${tmpdir()}/lares-registry-`);
  writeFileSync(`${folder}/htpasswd`, `${LOGIN.username}:${hashSync(LOGIN.password, 4)}\n`);
  const port = await freePort();
  let child = await launch(folder, { isClosed, port });
  const end = async (): Promise<void> => {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
    child.kill("SIGKILL");
    await exited;
  };
  return {
    address: `127.0.0.1:${port}`,
    folder: `${folder}/data`,
    kill: (signal) => void child.kill(signal),
    end,
    async restart() {
      await end();
      child = await launch(folder, { isClosed, port });
    },
    async close() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(
  folder: string,
  { isClosed, port }: { readonly isClosed: boolean; readonly port: number },
): Promise<ChildProcess> {
  const config = {
    version: "0.1",
    log: { level: "info" },
    storage: { filesystem: { rootdirectory: `${folder}/data` } },
    http: { addr: `127.0.0.1:${port}` },
    ...(isClosed ? { auth: { htpasswd: { realm: "test", path: `${folder}/htpasswd` } } } : {}),
  };
  // YAML takes JSON as it is.
  writeFileSync(`${folder}/config.yml`, JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", `${folder}/config.yml`], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const listening = new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (data: Buffer) => {
      said = (said + data.toString()).slice(-4000);
      if (said.includes(`listening on 127.0.0.1:${port}`)) resolve();
    });
    child.on("error", reject);
    child.on("exit", () => reject(new Error(`docker-registry did not start: ${said}`)));
  });
  await listening;
  return child;
}
