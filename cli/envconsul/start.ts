import * as v from "valibot";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import { childEnvironment } from "#base/client/templates/output/child-environment.ts";
import { TemplateSession } from "#base/client/templates/session.ts";
import { CodedError, messageOf, succeed } from "#base/env/errors.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { UsageError, type Output } from "../command/command.ts";
import { definedEntries } from "../command/environment.ts";
import { EXIT } from "../template/exit-codes.ts";
import { toolEnv } from "../template/logging.ts";
import { toolSources } from "../template/sources.ts";
import { programOf, writePid } from "../template/start.ts";
import { waitOf } from "../template/template-of.ts";
import type { Running } from "../template/tool.ts";
import { askedFor, renderVariables } from "./dependencies.ts";
import type { EnvconsulConfig } from "./schema.ts";

export interface StartOptions {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
}

const VariablesSchema = v.array(v.tuple([v.string(), v.string()]));

/** Runs the program with what the configuration says as its environment, anew after every change, until it ends. */
export async function startEnvconsul(config: EnvconsulConfig, { variables, output }: StartOptions): Promise<Running> {
  const env = toolEnv(config, "envconsul");
  const sources = toolSources(config, env, variables);
  const all = askedFor(config, env.log);
  const ending = Promise.withResolvers<number>();
  const fail = (message: string): void => {
    output.error(message);
    ending.resolve(EXIT.runner);
  };
  const program = programOf({ ...config.exec, reloadSignal: "" }, { env, onExit: (code) => ending.resolve(code) });
  if (program === undefined) throw new UsageError("there is no program to run: name it after the flags");
  const pool = new WatchPool<Dependency, GoValue>({ source: sources.source, log: env.log });
  const ours = config.pristine ? {} : definedEntries(variables);
  let newest: Readonly<Record<string, string>> = {};
  const session = new TemplateSession<Dependency, GoValue>({
    clock: env.clock,
    log: env.log,
    pool,
    once: config.once,
    templates: [
      {
        name: "the environment",
        render: (known) => renderVariables(all, known),
        wait: waitOf(config.wait),
        errorFatal: true,
        command: undefined,
        write: (text) => {
          newest = Object.fromEntries(v.parse(VariablesSchema, JSON.parse(text)));
          return Promise.resolve(succeed({ changed: true }));
        },
      },
    ],
    onSettled: async (changed) => {
      if (!changed && program.isRunning) return;
      const given = childEnvironment({ ...ours, ...newest }, config.exec.env);
      await program.update(given).catch((thrown: unknown) => fail(messageOf(thrown)));
    },
    onEnd: (end) => {
      if (!end.ok) fail(end.message);
    },
  });
  const removePid = writePid(config.pidFile);
  session.start();
  return {
    ended: ending.promise,
    hasProgram: () => program.isRunning,
    signal: (number) => program.signal(number),
    report: () => [`${pool.size} dependencies followed`],
    stop: async () => {
      await Promise.all([session.stop(), program.stop()]);
      await Promise.all([pool.stop(), sources.stop()]);
      removePid();
      env.close();
    },
  };
}

/** Paths may hold `{{ env "NAME" }}`. */
export function withVariables(path: string, variables: StartOptions["variables"]): string {
  return path.replaceAll(/\{\{-?\s*env\s+(?:"([^"]*)"|`([^`]*)`)\s*-?\}\}/g, (_, quoted?: string, raw?: string) => {
    const name = quoted ?? raw ?? "";
    const value = variables[name];
    if (value === undefined)
      throw new CodedError(
        "envconsul_path",
        `the path ${JSON.stringify(path)} needs the variable ${name}, which is not set`,
      );
    return value;
  });
}
