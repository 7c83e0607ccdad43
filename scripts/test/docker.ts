import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { answersPing, startPrivateDockerd } from "#cli/setup/private-dockerd.ts";

export type DockerForTests = { env: Record<string, string>; stop(): Promise<void> };

/** A running daemon is used; otherwise one of our own runs until `stop`. Without either the tests that need it fail by themselves. */
export async function dockerForTests(): Promise<DockerForTests> {
  const configured = process.env["DOCKER_HOST"];
  const socket = configured === undefined ? "/var/run/docker.sock" : configured.replace(/^unix:\/\//, "");
  if (await answersPing(socket)) return { env: {}, stop: () => Promise.resolve() };
  const folder = mkdtempSync(`${tmpdir()}/lares-test-docker-`);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const daemon = await startPrivateDockerd(folder);
    return {
      env: { DOCKER_HOST: daemon.host },
      async stop() {
        await daemon.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    console.error(`test: no Docker daemon: ${error instanceof Error ? error.message : String(error)}`);
    return { env: {}, stop: () => Promise.resolve() };
  }
}
