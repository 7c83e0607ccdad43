import * as v from "valibot";
import { createNomadClient } from "#base/client/nomad-client.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed } from "#base/env/errors.ts";
import type { VariableReader } from "#daemons/router/apply/machine.ts";

const VariableSchema = v.object({ Items: v.nullish(v.record(v.string(), v.string()), () => ({})) });
const TIMEOUT_MS = 5000;

/** The cluster's variables, as a task may read them (its job's own, and what policies allow), or whoever has the token of a shell. */
export function variableReader(env: Env, task: Readonly<Record<string, string>>): VariableReader {
  const secrets = task["NOMAD_SECRETS_DIR"];
  const address =
    secrets === undefined
      ? { origin: task["NOMAD_ADDR"] ?? "http://127.0.0.1:4646", socketPath: undefined }
      : { origin: "http://localhost", socketPath: `${secrets}/api.sock` };
  const nomad = createNomadClient({ http: env.http, address, token: task["NOMAD_TOKEN"] ?? "" });
  return async (path) => {
    const read = await nomad.call({ path: `/v1/var/${path}`, schema: VariableSchema, timeoutMs: TIMEOUT_MS });
    if (read.ok) return succeed(read.value.value.Items);
    const what = `cannot read the variable ${JSON.stringify(path)}`;
    switch (read.error.code) {
      case "missing":
        return fail("router_variable", `there is no variable ${JSON.stringify(path)}`, `lares var put ${path} NAME=…`);
      case "denied":
        return fail(
          "router_variable",
          `${what}: permission denied`,
          "a job may read nomad/jobs/JOB; others need a policy that is bound to it",
        );
      default:
        return fail("router_variable", `${what}: ${read.error.message}`, "what was read of it before stays in force");
    }
  };
}
