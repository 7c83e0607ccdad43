import type { Env } from "#base/env/env.ts";
import { compileHandlebars } from "#base/client/templates/handlebars.ts";
import { TemplateRunner } from "#base/client/templates/runner.ts";
import type { BlockingGet } from "#base/client/templates/watch.ts";
import { buildConfig } from "./config.ts";
import { HAPROXY_TEMPLATE } from "./haproxy-template.ts";
import { Haproxy } from "./haproxy.ts";

export interface IngressOptions {
  readonly env: Env;
  readonly get: BlockingGet;
  readonly haproxyProgram: string;
  /** A folder of the ingress's own. */
  readonly dir: string;
  /** Where HTTP is served; TCP routes listen on the same host. */
  readonly host: string;
  readonly port: number;
}

export interface Ingress {
  stop(): Promise<void>;
}

/** A lone change is served this soon; a burst becomes one reload. */
const QUIET = { minMs: 25, maxMs: 250 };
const MAX_CONNECTIONS = 4000;

/** Keeps HAProxy in step with the catalog until stopped. */
export function startIngress(options: IngressOptions): Ingress {
  const { env } = options;
  const haproxy = new Haproxy({ env, program: options.haproxyProgram, dir: options.dir });
  let reported = "";
  const template = compileHandlebars(HAPROXY_TEMPLATE, (data) => {
    const config = buildConfig(data, { takenPorts: [options.port] });
    const problems = config.problems.map((problem) => `${problem.message}; ${problem.hint ?? ""}`);
    if (problems.join("\n") !== reported) for (const problem of problems) env.log.warn(problem);
    reported = problems.join("\n");
    return {
      ...config,
      host: options.host,
      bind: `${options.host}:${options.port}`,
      maxConnections: MAX_CONNECTIONS,
    };
  });
  const runner = new TemplateRunner({
    clock: env.clock,
    random: env.random,
    log: env.log,
    get: options.get,
    wait: QUIET,
    template,
    onRendered: async (text) => {
      const applied = await haproxy.apply(text);
      if (applied.ok) env.log.info(`HAProxy ${applied.value}`, { config: haproxy.configPath });
      else env.log.error(applied.error.message, { hint: applied.error.hint });
    },
  });
  runner.start();
  return {
    stop: async () => {
      await runner.stop();
      await haproxy.stop();
    },
  };
}
