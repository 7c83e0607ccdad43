import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { httpGet } from "#base/client/templates/http-get.ts";
import { startIngress } from "#ingress/controller.ts";
import type { Role } from "./role.ts";

/** HAProxy from the catalog, as the task it runs in describes it: its port `http`, its folder, the cluster's API on a socket. */
export async function ingressRole(env: Env, task: Readonly<Record<string, string>>): Promise<Result<Role>> {
  const address = task["NOMAD_HOST_ADDR_http"] ?? task["NOMAD_ADDR_http"];
  const dir = task["NOMAD_TASK_DIR"];
  const secrets = task["NOMAD_SECRETS_DIR"];
  if (address === undefined || dir === undefined || secrets === undefined)
    return fail(
      "ingress_environment",
      "the ingress found no port labelled http among its task's ports",
      'give its group network { port "http" { static = 8080 } }',
    );
  const program = await env.exec.find("haproxy");
  if (program === undefined) return fail("ingress_no_haproxy", "haproxy is not in PATH", "apt-get install haproxy");
  const colon = address.lastIndexOf(":");
  const get = httpGet({
    http: env.http,
    address: "http://localhost",
    socketPath: `${secrets}/api.sock`,
    token: task["NOMAD_TOKEN"] ?? "",
  });
  const host = address.slice(0, colon).replaceAll(/[[\]]/g, "");
  const port = Number(address.slice(colon + 1));
  return succeed(startIngress({ env, get, haproxyProgram: program, dir, host, port }));
}
