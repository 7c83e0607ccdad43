import { Resolver } from "node:dns/promises";
import type { NomadClient } from "#base/client/nomad-client.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Engine } from "./engine.ts";
import { lastWords } from "./jobs.ts";
import type { JobOutcome } from "./run-jobs.ts";

export interface ReportOptions {
  readonly env: Env;
  readonly nomad: NomadClient;
  readonly host: string;
  readonly ports: { readonly http: number; readonly consul: number; readonly dns: number };
  readonly ingressPort: number;
  readonly outcome: readonly JobOutcome[];
  /** Undefined: there is none. */
  readonly engine: Engine | undefined;
}

const REDIS = "fun-redis.service.consul";

/** What is where, each line seen and not assumed: DNS is asked, the page is fetched. */
export async function report(options: ReportOptions): Promise<readonly string[]> {
  const { host, ports, ingressPort, outcome } = options;
  const lines = [""];
  for (const { job, instances } of outcome) {
    lines.push(`${job.padEnd(12)} ${instances === undefined ? "not healthy" : `healthy, ${instances.length} running`}`);
    if (instances === undefined)
      lines.push(...(await lastWords(options.nomad, job)).map((line) => `             ${line}`));
  }
  lines.push("", `DNS           ${await answerOf(options)}`, `web site      ${await pageOf(options)}`);
  lines.push(
    `Nomad API     http://${host}:${ports.http}`,
    `Consul API    http://${host}:${ports.consul}`,
    "",
    "try next:",
    "  bin/lares job status redis-cache       the second Redis waits: see why",
    `  dig @${host} -p ${ports.dns} ${REDIS} SRV`,
    `  redis-cli -h ${host} -p ${outcome.find((one) => one.service === "fun-redis")?.instances?.[0]?.port ?? 6379} ping`,
    `  curl http://${host}:${ingressPort}/hello/`,
    "  bin/lares job scale hello web 4",
    "  bin/lares kv put greeting hello",
  );
  if (options.engine?.own === true)
    lines.push(
      "",
      "Docker's engine is one of our own; to build images for it:",
      `  export DOCKER_HOST=${options.engine.host}`,
    );
  if (ports.http !== 4646 || ports.consul !== 8500)
    lines.push(
      "",
      `the usual ports are taken: export NOMAD_ADDR=http://${host}:${ports.http} CONSUL_HTTP_ADDR=http://${host}:${ports.consul}`,
    );
  return lines;
}

async function answerOf({ host, ports }: ReportOptions): Promise<string> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([`${host}:${ports.dns}`]);
  try {
    const [service] = await resolver.resolveSrv(REDIS);
    const addresses = await resolver.resolve4(REDIS);
    return `${REDIS} -> ${addresses.join(" ")} port ${service?.port ?? "?"} (asked at ${host}:${ports.dns})`;
  } catch (error) {
    return `${REDIS}: no answer at ${host}:${ports.dns} (${messageOf(error)})`;
  }
}

async function pageOf({ env, host, ingressPort }: ReportOptions): Promise<string> {
  const url = `http://${host}:${ingressPort}/hello/`;
  try {
    const response = await env.http.request({ url, timeoutMs: 2000 });
    const title = /<title>(.*)<\/title>/.exec(await response.text())?.[1] ?? "";
    return `${url} -> ${response.status} ${title}`;
  } catch (error) {
    return `${url}: no answer (${messageOf(error)})`;
  }
}
