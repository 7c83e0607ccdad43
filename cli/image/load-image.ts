import { createReadStream } from "node:fs";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";

const USUAL_SOCKET = "/var/run/docker.sock";
const LOAD_TIMEOUT_MS = 600_000;

/** Loads an archive into a Docker engine (https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageLoad). */
export async function loadImage(env: Env, archive: string, dockerHost: string | undefined): Promise<Result<void>> {
  const socketPath = socketOf(dockerHost);
  try {
    const response = await env.http.request({
      url: "http://docker/images/load?quiet=1",
      method: "POST",
      headers: { "content-type": "application/x-tar" },
      body: createReadStream(archive),
      socketPath,
      timeoutMs: LOAD_TIMEOUT_MS,
    });
    const text = await response.text();
    if (response.status === 200 && !text.includes('"error"')) return succeed(undefined);
    return fail("docker_load", `Docker would not load ${archive}: ${text.trim().slice(0, 300)}`, "is its disk full?");
  } catch (error) {
    return fail(
      "docker_unreachable",
      `no Docker engine answers at ${socketPath}: ${messageOf(error)}`,
      "start it, or set DOCKER_HOST",
    );
  }
}

/** Whether the engine has an image under this name. */
export async function hasImage(env: Env, name: string, dockerHost: string | undefined): Promise<boolean> {
  try {
    const url = `http://docker/images/${encodeURIComponent(name)}/json`;
    const response = await env.http.request({ url, socketPath: socketOf(dockerHost) });
    await response.bytes();
    return response.status === 200;
  } catch {
    return false;
  }
}

const PULL_TIMEOUT_MS = 60_000;

/** Whether a registry had the image for us. */
export async function pullImage(env: Env, name: string, dockerHost: string | undefined): Promise<boolean> {
  try {
    const url = `http://docker/images/create?fromImage=${encodeURIComponent(name)}`;
    const socketPath = socketOf(dockerHost);
    const response = await env.http.request({ url, method: "POST", socketPath, timeoutMs: PULL_TIMEOUT_MS });
    const text = await response.text();
    return response.status === 200 && !text.includes('"error"');
  } catch {
    return false;
  }
}

export function socketOf(dockerHost: string | undefined): string {
  return dockerHost?.startsWith("unix://") === true ? dockerHost.slice("unix://".length) : USUAL_SOCKET;
}
