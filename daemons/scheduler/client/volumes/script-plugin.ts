import { isAbsolute } from "node:path/posix";
import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { RunResult } from "#base/env/exec.ts";
import type { HostVolume } from "#base/protocol/host-volume.ts";
import type { VolumePlugin } from "./volume-plugin.ts";

const FINGERPRINT_MS = 5_000;
const WORK_MS = 60_000;
const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Of what a plugin says in its anger. */
const LONGEST_MESSAGE = 1000;

const VersionSchema = v.object({ version: v.string() });
const MadeSchema = v.object({ path: v.string(), bytes: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0)), 0) });
const ErrorSchema = v.object({ error: v.pipe(v.string(), v.minLength(1)) });

export interface ScriptFolders {
  /** Where plugins are. */
  readonly plugins: string;
  /** Where they put volumes. */
  readonly volumes: string;
}

/**
 * A program that makes volumes. It is called with the operation as its argument and in `DHV_OPERATION`, and answers in
 * JSON on standard output. https://developer.hashicorp.com/nomad/plugins/author/host-volume
 */
export function scriptPlugin(env: Env, program: string, folders: ScriptFolders): VolumePlugin {
  const call = (operation: string, more: Readonly<Record<string, string>>, timeoutMs: number): Promise<RunResult> =>
    env.exec.run([program, operation], {
      env: { PATH: SEARCH_PATH, DHV_OPERATION: operation, DHV_PLUGIN_DIR: folders.plugins, ...more },
      timeoutMs,
      leaveNothing: true,
    });
  return {
    async version() {
      const said = await call("fingerprint", {}, FINGERPRINT_MS);
      const read = said.code === 0 && said.signal === 0 ? answerOf(VersionSchema, said.stdout) : undefined;
      if (read === undefined) env.log.warn("not a host volume plugin", { program, error: complaint(said) });
      return read?.version;
    },
    async create(volume) {
      const sizes = {
        DHV_CAPACITY_MIN_BYTES: String(volume.RequestedCapacityMinBytes),
        DHV_CAPACITY_MAX_BYTES: String(volume.RequestedCapacityMaxBytes),
      };
      const said = await call("create", { ...describe(volume, folders), ...sizes }, WORK_MS);
      const failed = failureOf(said, "create");
      if (failed !== undefined) return failed;
      const made = answerOf(MadeSchema, said.stdout);
      if (made === undefined)
        return fail("plugin", `create did not answer with {"path": …, "bytes": …}: ${short(said.stdout)}`);
      if (!isAbsolute(made.path))
        return fail("plugin", `create answered with a path that is not absolute: ${made.path}`);
      if ((await env.disk.stat(made.path)) === undefined) return fail("plugin", `create made no ${made.path}`);
      return succeed(made);
    },
    async remove(volume, path) {
      const said = await call("delete", { ...describe(volume, folders), DHV_CREATED_PATH: path }, WORK_MS);
      return failureOf(said, "delete") ?? succeed(undefined);
    },
  };
}

function describe(volume: HostVolume, { volumes }: ScriptFolders): Record<string, string> {
  return {
    DHV_VOLUMES_DIR: volumes,
    DHV_NAMESPACE: volume.Namespace,
    DHV_VOLUME_NAME: volume.Name,
    DHV_VOLUME_ID: volume.ID,
    DHV_NODE_ID: volume.NodeID,
    DHV_NODE_POOL: volume.NodePool,
    DHV_PARAMETERS: JSON.stringify(volume.Parameters),
  };
}

function failureOf(said: RunResult, operation: string): (Result<never> & { readonly ok: false }) | undefined {
  if (said.timedOut) return fail("plugin", `${operation} took longer than ${WORK_MS / 1000} s`);
  if (said.code === 0 && said.signal === 0) return undefined;
  const how = said.signal === 0 ? `exit code ${said.code}` : `signal ${said.signal}`;
  return fail("plugin", `${operation} failed with ${how}: ${complaint(said)}`);
}

/** What it says went wrong: in its answer, or anywhere. */
function complaint({ stdout, stderr }: RunResult): string {
  return answerOf(ErrorSchema, stdout)?.error ?? short(stderr.trim() === "" ? stdout : stderr);
}

function short(said: string): string {
  return said.trim().slice(-LONGEST_MESSAGE);
}

function answerOf<T>(schema: v.GenericSchema<unknown, T>, said: string): T | undefined {
  try {
    return v.parse(schema, JSON.parse(said));
  } catch {
    return undefined;
  }
}
