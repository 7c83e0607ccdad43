import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Supervisor } from "#base/client/templates/output/supervisor.ts";
import { childEnvironment } from "#base/client/templates/output/child-environment.ts";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import { TemplateSession } from "#base/client/templates/session.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Output } from "../command/command.ts";
import { definedEntries } from "../command/environment.ts";
import { SIGNALS } from "./config/readers.ts";
import type { ExecConfig, TemplateToolConfig } from "./config/schema.ts";
import { EXIT } from "./exit-codes.ts";
import { deduplication, type Deduplication } from "./dedup.ts";
import { toolEnv } from "./logging.ts";
import { toolSources } from "./sources.ts";
import { buildTemplate, waitOf, type BuiltTemplate } from "./template-of.ts";
import type { Running } from "./tool.ts";

export interface StartOptions {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
  /** Print what would be written. */
  readonly dry: boolean;
}

/** Renders what the configuration says, until stopped. Throws when a template cannot be read. */
export async function startTemplates(config: TemplateToolConfig, options: StartOptions): Promise<Running> {
  const { output } = options;
  waitOf(config.wait);
  const env = toolEnv(config, "consul-template");
  const ours = definedEntries(options.variables);
  const sources = toolSources(config, env, options.variables);
  const pool = new WatchPool<Dependency, GoValue>({ source: sources.source, log: env.log });
  const stopping = new AbortController();
  const environment = { ...ours, ...sources.exported };
  const building = {
    env,
    config,
    output,
    environment,
    exported: sources.exported,
    namespace: sources.namespace,
    dry: options.dry,
    signal: stopping.signal,
  };
  const built = await Promise.all(config.templates.map((template) => buildTemplate(template, building)));
  const dedup = deduplication(config, env, sources);
  const templates = dedup === undefined ? built : built.map((each) => deduplicated(each, dedup));
  const { exported } = sources;
  const running = { config, options, env, pool, templates, environment, exported };
  const { session, program, ended } = runSession(running);
  const removePid = config.parseOnly ? (): void => {} : writePid(config.pidFile);
  if (!config.parseOnly) session.start();
  return {
    ended: config.parseOnly ? Promise.resolve(EXIT.ok) : ended,
    hasProgram: () => program?.isRunning === true,
    signal: (number) => program?.signal(number),
    report: () => {
      const { rendered, templates: all, following } = session.report();
      return [`${rendered} of ${all} templates rendered, ${following} dependencies followed`];
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([session.stop(), program?.stop()]);
      await dedup?.stop();
      await Promise.all([pool.stop(), sources.stop()]);
      removePid();
      env.close();
    },
  };
}

function deduplicated(built: BuiltTemplate, dedup: Deduplication): BuiltTemplate {
  return { ...built, template: { ...built.template, pool: dedup.poolFor(built.text, built.delimiters) } };
}

interface SessionParts {
  readonly config: TemplateToolConfig;
  readonly options: StartOptions;
  readonly env: ReturnType<typeof toolEnv>;
  readonly pool: WatchPool<Dependency, GoValue>;
  readonly templates: readonly BuiltTemplate[];
  readonly environment: Readonly<Record<string, string>>;
  readonly exported: Readonly<Record<string, string>>;
}

/** The templates and the program that is told of them. */
function runSession({ config, options, env, pool, templates, environment, exported }: SessionParts) {
  const ending = Promise.withResolvers<number>();
  const fail = (message: string): void => {
    options.output.error(message);
    ending.resolve(EXIT.runner);
  };
  const program = programOf(config.exec, { env, onExit: (code) => ending.resolve(code) });
  const session = new TemplateSession<Dependency, GoValue>({
    clock: env.clock,
    log: env.log,
    pool,
    templates: templates.map(({ template }) => template),
    once: config.once,
    onSettled: async (changed) => {
      if (program === undefined || options.dry || (!changed && program.isRunning)) return;
      const custom = [...config.exec.env.custom, ...templates.flatMap(({ variable }) => variable())];
      const given = childEnvironment(environment, { ...config.exec.env, always: exported, custom });
      await program.update(given).catch((thrown: unknown) => fail(messageOf(thrown)));
    },
    onEnd: (end) => {
      if (!end.ok) fail(end.message);
      // Once rendered, the program is what this goes on for.
      else if (program?.isRunning !== true) ending.resolve(EXIT.ok);
    },
  });
  return { session, program, ended: ending.promise };
}

interface ProgramOptions {
  readonly env: ReturnType<typeof toolEnv>;
  readonly onExit: (code: number) => void;
}

/** The supervised program, if the configuration names one. */
export function programOf(exec: ExecConfig, { env, onExit }: ProgramOptions): Supervisor | undefined {
  if (exec.command.length === 0 || exec.enabled === false) return undefined;
  return new Supervisor({
    env,
    command: exec.command,
    signals: { kill: SIGNALS.get(exec.killSignal) ?? 0, reload: SIGNALS.get(exec.reloadSignal) ?? 0 },
    killTimeoutMs: exec.killTimeoutMs,
    splayMs: exec.splayMs,
    timeoutMs: exec.timeoutMs ?? 0,
    sharesTerminal: process.stdin.isTTY,
    onExit,
  });
}

/** Returns what removes it again. */
export function writePid(path: string): () => void {
  if (path === "") return () => {};
  const at = resolve(path);
  try {
    writeFileSync(at, String(process.pid));
  } catch (thrown) {
    throw new CodedError("pid_file", `cannot write the pid file ${at}: ${messageOf(thrown)}`);
  }
  return () => {
    // Somebody else's by now is not ours to remove.
    if (readFileSync(at, { encoding: "utf8", flag: "a+" }).trim() === String(process.pid)) rmSync(at, { force: true });
  };
}
