import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Failure, type Result } from "#base/env/errors.ts";
import type { Sandbox, SandboxMaker, SandboxWish } from "../driver.ts";
import { LABEL_ROOT, LABEL_TASK } from "./container-spec.ts";
import { inspectContainer } from "./container-state.ts";
import { EngineAway, type Engine, type EngineAnswer } from "./engine.ts";
import type { Images } from "./images/images.ts";
import type { DockerOptions } from "./plugin-options.ts";

/** An image with nothing in it: the program comes from the host. */
const REPOSITORY = "lares-sandbox";
const IMAGE = `${REPOSITORY}:1`;
/** The end of an archive (POSIX.1-2017, pax): two empty blocks. */
const EMPTY_ARCHIVE = new Uint8Array(1024);
/** What `sleep` needs of the host. */
const HOST_FOLDERS = ["/usr", "/bin", "/lib", "/lib64"];
const START_TIMEOUT_MS = 60_000;

/** A container that holds a network namespace for the containers of one allocation, and does nothing. */
export function createSandboxes(deps: Deps): SandboxMaker {
  const { engine } = deps;
  return {
    create: (wish) => orAway(() => create(deps, wish)),
    async stands(id) {
      try {
        return (await inspectContainer(engine, id))?.State.Running === true;
      } catch (thrown) {
        // Whether it is there shows when the engine is back; until then nothing is built anew.
        if (thrown instanceof EngineAway) return true;
        throw thrown;
      }
    },
    async remove(id) {
      await engine.call({ method: "DELETE", path: `/containers/${id}?force=1&v=1` }).catch((thrown: unknown) => {
        if (!(thrown instanceof EngineAway)) throw thrown;
      });
    },
    taskId: sandboxTaskId,
  };
}

/** As what sweeping knows it. */
export function sandboxTaskId(allocId: string): string {
  return `${allocId}/sandbox/1`;
}

interface Deps {
  readonly env: Env;
  readonly engine: Engine;
  readonly images: Images;
  readonly options: Pick<DockerOptions, "infraImage" | "infraPullTimeoutMs">;
}

async function create(deps: Deps, wish: SandboxWish): Promise<Result<Sandbox>> {
  const { engine } = deps;
  const name = `sandbox-${wish.allocId}`;
  await engine.call({ method: "DELETE", path: `/containers/${name}?force=1&v=1` });
  const spec = await specOf(deps, wish);
  const ask = (): Promise<EngineAnswer> =>
    engine.call({ method: "POST", path: `/containers/create?name=${name}`, body: spec, timeoutMs: START_TIMEOUT_MS });
  let created = await ask();
  if (created.status === 404) {
    const failure = await bringImage(deps);
    if (failure !== undefined) return { ok: false, error: failure };
    created = await ask();
  }
  if (!created.ok) return fail("SANDBOX", `cannot make the container that holds the network: ${created.message}`);
  const started = await engine.call({ method: "POST", path: `/containers/${name}/start`, timeoutMs: START_TIMEOUT_MS });
  const container = started.ok ? await inspectContainer(engine, name) : undefined;
  if (container?.State.Running === true)
    return succeed({ id: container.Id, namespace: `/proc/${container.State.Pid}/ns/net` });
  await engine.call({ method: "DELETE", path: `/containers/${name}?force=1&v=1` });
  return fail("SANDBOX", `cannot start the container that holds the network: ${started.message || "it ended at once"}`);
}

async function bringImage({ engine, images, options }: Deps): Promise<Failure | undefined> {
  if (options.infraImage !== "") {
    const brought = await images.bring(options.infraImage, options.infraPullTimeoutMs);
    return brought.ok ? undefined : brought.error;
  }
  const path = `/images/create?fromSrc=-&repo=${REPOSITORY}&tag=1`;
  await engine.call({ method: "POST", path, archive: EMPTY_ARCHIVE });
  return undefined;
}

async function specOf({ env, options: { infraImage } }: Deps, { allocId, allocsRoot, hostname, dns }: SandboxWish) {
  const common = {
    Hostname: hostname,
    Labels: { [LABEL_TASK]: sandboxTaskId(allocId), [LABEL_ROOT]: allocsRoot, "com.hashicorp.nomad.alloc_id": allocId },
  };
  const limits = {
    NetworkMode: "none",
    ReadonlyRootfs: true,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    PidsLimit: 8,
    LogConfig: { Type: "none", Config: {} },
    ...(dns === null ? {} : { Dns: dns.Servers, DnsSearch: dns.Searches, DnsOptions: dns.Options }),
  };
  if (infraImage !== "") return { ...common, Image: infraImage, HostConfig: limits };
  const there = await Promise.all(
    HOST_FOLDERS.map(async (path) => ((await env.disk.stat(path)) === undefined ? [] : [path])),
  );
  const Mounts = there.flat().map((path) => ({ Type: "bind", Source: path, Target: path, ReadOnly: true }));
  return {
    ...common,
    Image: IMAGE,
    Entrypoint: ["/usr/bin/sleep"],
    Cmd: ["infinity"],
    User: "65534:65534",
    HostConfig: { ...limits, Mounts },
  };
}

async function orAway<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof EngineAway) return fail(thrown.code, thrown.message, thrown.hint);
    throw thrown;
  }
}
