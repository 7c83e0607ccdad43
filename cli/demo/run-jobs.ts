import type { ConsulClient } from "#base/client/consul-client.ts";
import type { NomadClient } from "#base/client/nomad-client.ts";
import type { Env } from "#base/env/env.ts";
import type { Engine } from "./engine.ts";
import { ensureImage, type DemoImage } from "./images.ts";
import { packJob, register, untilHealthy, type Instance } from "./jobs.ts";

export interface DemoOptions {
  readonly env: Env;
  readonly nomad: NomadClient;
  readonly consul: ConsulClient;
  readonly engine: Engine | undefined;
  readonly folder: string;
  readonly ingressPort: number;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

export interface JobOutcome {
  readonly job: string;
  readonly service: string;
  /** Undefined: it did not come up. */
  readonly instances: readonly Instance[] | undefined;
}

interface DemoJob {
  readonly job: string;
  readonly service: string;
  readonly path: string;
  /** That one machine can run. */
  readonly instances: number;
  readonly image?: DemoImage;
}

const JOBS: readonly DemoJob[] = [
  { job: "ingress", service: "lares-ingress", instances: 1, path: "packs/ingress/ingress.nomad.hcl" },
  {
    job: "hello",
    service: "hello",
    instances: 2,
    path: "packs/hello/hello.nomad.hcl",
    image: { tag: "lares-hello:1", recipe: "packs/hello/hello.image.hcl", published: false },
  },
  {
    job: "redis-cache",
    service: "fun-redis",
    instances: 1,
    path: "packs/redis-cache/redis-cache.nomad.hcl",
    image: { tag: "redis:latest", recipe: "packs/redis-cache/redis.image.hcl", published: true },
  },
];

const HEALTHY_TIMEOUT_MS = 120_000;

/** Runs the demo's jobs and waits until each is healthy. */
export async function runDemoJobs(options: DemoOptions): Promise<readonly JobOutcome[]> {
  const { env, nomad, consul, engine, signal, say } = options;
  const running: DemoJob[] = [];
  for (const job of JOBS) {
    if (signal.aborted) return [];
    if (job.image !== undefined) {
      if (engine === undefined) continue;
      const image = await ensureImage(job.image, {
        env,
        dockerHost: engine.host,
        folder: `${options.folder}/images`,
        say,
      });
      if (!image.ok)
        say(
          `image ${job.image.tag}: ${image.error.message}${image.error.hint === undefined ? "" : ` (${image.error.hint})`}`,
        );
    }
    await register(nomad, packJob(job.path, job.job === "ingress" ? { port: String(options.ingressPort) } : {}));
    running.push(job);
  }
  say(`running ${running.map((job) => job.job).join(", ")}; waiting until they are healthy`);
  const wait = { consul, nomad, clock: env.clock, signal, timeoutMs: HEALTHY_TIMEOUT_MS };
  return Promise.all(
    running.map(async ({ job, service, instances }) => ({
      job,
      service,
      instances: await untilHealthy(service, { ...wait, instances }),
    })),
  );
}
