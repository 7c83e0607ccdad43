import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { compileTemplate } from "#base/client/templates/compile.ts";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import type { QuiescenceOptions } from "#base/client/templates/engine/quiescence.ts";
import { childEnvironment } from "#base/client/templates/output/child-environment.ts";
import { runCommand } from "#base/client/templates/output/command.ts";
import { ownerNumber, writeDestination, type Destination } from "#base/client/templates/output/destination.ts";
import type { SessionTemplate } from "#base/client/templates/session.ts";
import type { Env } from "#base/env/env.ts";
import { createTemplateHost } from "#base/platform/template-host.ts";
import { writeWanted } from "#base/client/templates/output/wanted-files.ts";
import { CodedError, messageOf, succeed } from "#base/env/errors.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import type { Output } from "../command/command.ts";
import type { TemplateConfig, TemplateToolConfig, WaitConfig } from "./config/schema.ts";

export interface Building {
  readonly env: Env;
  readonly config: TemplateToolConfig;
  readonly output: Output;
  /** What programs are given. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the servers are, in the variables their tools read. */
  readonly exported: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly dry: boolean;
  readonly signal: AbortSignal;
}

export interface BuiltTemplate {
  readonly text: string;
  /** Empty: `{{` and `}}`. */
  readonly delimiters: readonly [string, string];
  readonly template: SessionTemplate<Dependency, GoValue>;
  /** `NAME=text` when the text is for the program's environment. */
  readonly variable: () => readonly string[];
}

/** A template block as the session runs it. Throws {@link CodedError} when it cannot be read. */
export async function buildTemplate(template: TemplateConfig, building: Building): Promise<BuiltTemplate> {
  const { env, config, output, dry } = building;
  const { text, shown } = sourceOf(template);
  const name = `${shown} => ${template.destination === "" ? "(nowhere)" : template.destination}`;
  if (template.destination === "" && template.environmentVariable === "" && !dry)
    throw new CodedError("template", `the template ${shown} has no destination`, "give it one, or try it with -dry");
  const leftDelim = template.leftDelimiter === "" ? config.defaultDelimiters.left : template.leftDelimiter;
  const rightDelim = template.rightDelimiter === "" ? config.defaultDelimiters.right : template.rightDelimiter;
  const compiled = compileTemplate({
    name: shown,
    text,
    leftDelim,
    rightDelim,
    errorOnMissingKey: template.errorOnMissingKey,
    denylist: template.functionDenylist,
    destination: template.destination,
    namespace: building.namespace,
    host: createTemplateHost({
      random: env.random,
      nowMs: () => env.clock.nowMs(),
      environment: building.environment,
      sandbox: template.sandboxPath,
      folder: process.cwd(),
      allowPlugins: true,
      print: (text) => output.write(text),
    }),
  });
  if (!compiled.ok) throw new CodedError("template", compiled.error.message);
  const destination = await destinationOf(template, env);
  let newest: string | undefined;
  return {
    text,
    delimiters: [leftDelim, rightDelim],
    variable: () =>
      template.environmentVariable === "" || newest === undefined ? [] : [`${template.environmentVariable}=${newest}`],
    template: {
      name,
      render: compiled.value.render,
      wait: waitOf(template.wait) ?? waitOf(config.wait),
      errorFatal: template.errorFatal ?? config.templateErrorFatal,
      command: dry ? undefined : commandOf(template, building),
      write: async (rendered) => {
        const changed = rendered !== newest;
        newest = rendered;
        if (dry) output.write(`> ${template.destination}\n${rendered}`);
        if (dry) return succeed({ changed });
        const wanted = await writeWanted(env.disk, compiled.value.writes(), (path) => resolve(path));
        if (!wanted.ok) return wanted;
        if (template.destination === "") return succeed({ changed });
        return writeDestination(env.disk, destination, rendered);
      },
    },
  };
}

function sourceOf({ source, contents }: TemplateConfig): { readonly text: string; readonly shown: string } {
  if (typeof contents === "string" && source !== "")
    throw new CodedError("template", `a template has both source (${source}) and contents`, "leave one out");
  if (typeof contents === "string") return { text: contents, shown: "(dynamic)" };
  if (source === "") throw new CodedError("template", "a template has neither source nor contents");
  try {
    return { text: readFileSync(source, "utf8"), shown: source };
  } catch (thrown) {
    throw new CodedError("template", `cannot read the template ${source}: ${messageOf(thrown)}`);
  }
}

async function destinationOf(template: TemplateConfig, { disk }: Env): Promise<Destination> {
  const [uid, gid] = [
    await ownerNumber(disk, "/etc/passwd", template.user),
    await ownerNumber(disk, "/etc/group", template.group),
  ];
  if (!uid.ok) throw new CodedError("template", uid.error.message);
  if (!gid.ok) throw new CodedError("template", gid.error.message);
  return {
    path: resolve(template.destination),
    perms: template.perms ?? undefined,
    uid: uid.value,
    gid: gid.value,
    backup: template.backup,
    createDirs: template.createDestDirs,
  };
}

const COMMAND_TIMEOUT_MS = 30_000;

function commandOf(
  { exec, command: bare, commandTimeoutMs }: TemplateConfig,
  { env, environment, exported, signal }: Building,
): SessionTemplate<Dependency, GoValue>["command"] {
  const command = exec.command.length > 0 ? exec.command : bare;
  if (command.length === 0 || exec.enabled === false) return undefined;
  const timeoutMs = exec.timeoutMs ?? commandTimeoutMs ?? COMMAND_TIMEOUT_MS;
  const given = childEnvironment(environment, { ...exec.env, always: exported });
  return {
    key: JSON.stringify([command, timeoutMs, exec.env]),
    run: () => {
      env.log.info("running", { command: command.join(" ") });
      const output = { stdout: "inherit", stderr: "inherit" } as const;
      return runCommand(env, { command, env: given, output, timeoutMs, signal });
    },
  };
}

/** Undefined: changes are acted on at once. Throws when there is nothing between minimum and maximum. */
export function waitOf({ enabled, minMs, maxMs }: WaitConfig): QuiescenceOptions | undefined {
  if (enabled === false || typeof minMs !== "number" || minMs <= 0) return undefined;
  const most = maxMs ?? minMs * 4;
  if (most < minMs)
    throw new CodedError("template_config", `wait: the maximum (${most} ms) is less than the minimum (${minMs} ms)`);
  return { minMs, maxMs: most };
}
