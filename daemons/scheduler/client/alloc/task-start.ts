import { join, normalize } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { succeed } from "#base/env/errors.ts";
import type { Failure, Result } from "#base/env/errors.ts";
import type { Driver, StartFailure, TaskDevice, TaskMount, TaskStart } from "#drivers/driver.ts";
import { fetchArtifacts, type ArtifactsOfTask } from "../artifacts/fetch-artifacts.ts";
import type { SecretsMounts } from "../disk/secrets-mounts.ts";
import { buildTaskDir } from "./alloc-dir.ts";
import type { AllocDir } from "./alloc-dir.ts";
import type { RenderScope } from "../templates/hosted-templates.ts";
import type { ServerLink } from "../../link.ts";
import { interpolate, interpolateMap } from "./interpolate.ts";
import { keepVariables } from "./kept-identities.ts";
import { placeIdentities } from "./task-identity.ts";
import { allocIndex, buildEnvironment } from "./task-environment.ts";
import type { TaskEnvironment, TaskScope } from "./task-environment.ts";

export type StartScope = Omit<TaskScope, "dirs" | "given"> & {
  readonly dir: AllocDir;
  readonly secrets: SecretsMounts;
  readonly driver: Driver;
  /** What the plan reserved for the task, as far as it is there now. */
  readonly devices: Result<readonly TaskDevice[], StartFailure>;
  readonly killTimeoutMs: number;
  readonly signIdentities: ServerLink["signIdentities"];
};

/** Renders a task's templates; the answer is what they put into its environment. */
export type RenderTemplates = (what: RenderScope) => Promise<Result<Readonly<Record<string, string>>, StartFailure>>;

type Prepared = Omit<TaskStart, "signal" | "onEvent">;

/** Builds a task's folders and everything its driver is told. */
export async function prepareStart(
  env: Env,
  attempt: string,
  scope: StartScope & {
    readonly render: RenderTemplates;
    readonly artifacts: Pick<ArtifactsOfTask, "limits" | "signal" | "onFetch">;
  },
): Promise<Result<Prepared, StartFailure>> {
  const { alloc, group, task, driver } = scope;
  const missing = unsupported(scope);
  if (missing !== undefined) return refuse("UNSUPPORTED", missing);
  if (!scope.devices.ok) return scope.devices;
  const paths = await buildTaskDir(env.disk, scope.dir, task.Name);
  await scope.secrets.mount(paths.secretsDir, task.Resources.SecretsMB ?? 0);
  const { taskDir } = paths;
  const environment = environmentOf(scope, paths);
  const identities = await identify(env, scope, taskDir);
  if (!identities.ok) return identities;
  const problem = await writePayload(env, scope, paths.localDir);
  if (problem !== undefined) return refuse("SETUP", problem);
  const own = { ...environment.env, ...identities.value };
  const fetched = await fetchArtifacts(env, {
    task,
    taskDir,
    allocRoot: scope.dir.root,
    lookup: environment.lookup,
    owner: ownerOf(interpolate(task.User, environment.lookup)),
    ...scope.artifacts,
  });
  if (!fetched.ok) return fetched;
  const rendered = await scope.render({
    scope,
    allocRoot: scope.dir.root,
    paths,
    environment: { ...environment, env: own },
  });
  if (!rendered.ok) return rendered;
  const mounts = mountsOf(scope);
  if (!mounts.ok) return mounts;
  const given = { ...own, ...rendered.value };
  const config = interpolateMap(task.Config, (name) => environment.lookup(name) ?? given[name.replace(/^env\./, "")]);
  const issues = driver.validate(config);
  if (issues.length > 0) return refuse("VALIDATION", issues.map(sentenceOf).join("; "));
  return succeed({
    id: attempt,
    ...namesOf(scope),
    config,
    env: given,
    user: interpolate(task.User, environment.lookup),
    resources: alloc.AllocatedResources.Tasks[task.Name] ?? NO_RESOURCES,
    ports: alloc.AllocatedResources.Shared.Ports,
    networkMode: group.Networks[0]?.Mode ?? "",
    network: scope.network,
    paths,
    mounts: mounts.value,
    devices: scope.devices.value,
    killTimeoutMs: scope.killTimeoutMs,
  });
}

type Names = Pick<TaskStart, "allocId" | "allocName" | "namespace" | "jobId" | "groupName" | "taskName" | "node">;

function namesOf({ alloc, job, group, task, node }: StartScope): Names {
  return {
    allocId: alloc.ID,
    allocName: alloc.Name,
    namespace: alloc.Namespace,
    jobId: job.ID,
    groupName: group.Name,
    taskName: task.Name,
    node: { id: node.ID, name: node.Name },
  };
}

async function identify(
  env: Env,
  { signIdentities: sign, node, alloc, task }: StartScope,
  taskDir: string,
): ReturnType<typeof placeIdentities> {
  const placed = await placeIdentities({ env, sign, nodeId: node.ID, allocId: alloc.ID, task, taskDir });
  if (placed.ok && task.Templates.length > 0) await keepVariables(env.disk, taskDir, placed.value);
  return placed;
}

/** The environment as the task will see it: paths inside its own root where the driver gives it one. */
export function environmentOf(scope: StartScope, paths: TaskScope["dirs"]): TaskEnvironment {
  const inImage = scope.driver.capabilities.fsIsolation !== "none";
  const given = { found: scope.devices.ok ? scope.devices.value : [], inImage };
  return buildEnvironment({ ...scope, dirs: inImage ? IN_IMAGE : paths, given });
}

const IN_IMAGE = { allocDir: "/alloc", localDir: "/local", secretsDir: "/secrets" };
const NO_RESOURCES = {
  Cpu: { CpuShares: 0, ReservedCores: [] },
  Memory: { MemoryMB: 0, MemoryMaxMB: 0 },
  Networks: [],
  Devices: [],
};

/** As chown(1) takes it: a name brings its login group, a number comes alone. */
function ownerOf(user: string): string | undefined {
  if (user === "") return undefined;
  return /^\d+$/.test(user) ? user : `${user}:`;
}

function sentenceOf({ message, hint }: Failure): string {
  return hint === undefined ? message : `${message} (${hint})`;
}

function refuse(code: string, message: string): { readonly ok: false; readonly error: StartFailure } {
  return { ok: false, error: { code, message, recoverable: false } };
}

function unsupported({ group, driver }: StartScope): string | undefined {
  const mode = group.Networks[0]?.Mode ?? "";
  const known: readonly string[] = ["", "host", ...driver.capabilities.networkModes];
  // All of these are namespaces that a task either can join or cannot.
  if (!known.includes(mode.startsWith("cni/") ? "bridge" : mode))
    return `driver ${driver.name} does not support network mode ${JSON.stringify(mode)} (supported: ${driver.capabilities.networkModes.join(", ")})`;
  return undefined;
}

/** The payload of a dispatched job, into the file its task asks for. */
async function writePayload(env: Env, { job, task }: StartScope, localDir: string): Promise<string | undefined> {
  const file = task.DispatchPayload?.File ?? "";
  if (file === "" || job.Payload === null) return undefined;
  const path = normalize(join(localDir, file));
  if (!path.startsWith(`${localDir}/`))
    return `dispatch_payload file ${JSON.stringify(file)} leaves the task's local folder`;
  await env.disk.replace(path, Buffer.from(job.Payload, "base64"));
  return undefined;
}

function mountsOf({ alloc, task, group, node }: StartScope): Result<readonly TaskMount[], StartFailure> {
  const mounts: TaskMount[] = [];
  for (const mount of task.VolumeMounts) {
    const request = group.Volumes[mount.Volume];
    const source = request?.PerAlloc === true ? `${request.Source}[${allocIndex(alloc.Name)}]` : request?.Source;
    const volume = source === undefined || request?.Type !== "host" ? undefined : node.HostVolumes[source];
    const foreign = volume?.Dynamic !== undefined && volume.Dynamic.Namespace !== alloc.Namespace;
    if (request === undefined || volume === undefined || foreign) {
      return refuse(
        "SETUP",
        `volume_mount ${JSON.stringify(mount.Volume)}: this node has no host volume ${JSON.stringify(source ?? "")}`,
      );
    }
    const readOnly = mount.ReadOnly || request.ReadOnly || volume.ReadOnly;
    mounts.push({ hostPath: volume.Path, taskPath: mount.Destination, readOnly });
  }
  return succeed(mounts);
}
