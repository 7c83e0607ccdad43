import { sleep } from "#base/env/clock.ts";
import { textOf } from "#base/env/bytes.ts";
import { messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { QuiescenceOptions } from "#base/client/templates/engine/quiescence.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { Template } from "#base/protocol/task.ts";
import type { Driver, StartFailure, TaskHandle, TaskPaths } from "#drivers/driver.ts";
import type { Env } from "#base/env/env.ts";
import type { TaskEnvironment, TaskScope } from "../alloc/task-environment.ts";
import { interpolate } from "../alloc/interpolate.ts";
import type { TaskRunner } from "../task/task-runner.ts";
import { planChange } from "./change.ts";
import { TaskTemplates } from "./task-templates.ts";
import * as events from "./template-events.ts";
import type { SharedPool, TemplateAccess, TemplateReader } from "./template-access.ts";
import { loginToVault } from "./vault-login.ts";
import { readBlock, type TemplateBlock } from "./template-block.ts";

export interface HostedTemplatesOptions {
  readonly env: Env;
  readonly access: TemplateAccess;
  readonly settings: AgentConfig["client"]["template"];
  readonly driver: Driver;
  readonly runner: () => TaskRunner | undefined;
}

/** What templates are rendered for. */
export interface RenderScope {
  readonly scope: Omit<TaskScope, "dirs">;
  readonly allocRoot: string;
  readonly paths: Pick<TaskPaths, "allocDir" | "localDir" | "secretsDir" | "taskDir">;
  readonly environment: TaskEnvironment;
  /** The task runs already: an agent before this one started it. */
  readonly resumed?: boolean;
}

const SCRIPT_OUTPUT_BYTES = 4096;

/** One task's templates over all its starts: rendered before the first, told to the task while it runs, gone with it. */
export class HostedTemplates {
  readonly #options: HostedTemplatesOptions;
  readonly #over = new AbortController();
  #templates: TaskTemplates | undefined;
  #ready = false;
  #leave: (() => void) | undefined;
  /** Variables that its login gave. */
  #given: Readonly<Record<string, string>> = {};

  constructor(options: HostedTemplatesOptions) {
    this.#options = options;
  }

  /** Resolves with the variables that templates give, once everything is rendered. */
  async render(
    what: RenderScope,
    signal: AbortSignal,
  ): Promise<Result<Readonly<Record<string, string>>, StartFailure>> {
    if (this.#ready) return succeed(this.#variables());
    if (this.#over.signal.aborted) return refuse("stopped before its templates were rendered");
    this.#leave?.();
    const shared = this.#options.access.join(readerOf(what.scope));
    this.#leave = shared.leave;
    const given = await this.#login(what, shared, signal);
    if (!given.ok) {
      await this.#end();
      return refuse(given.error.message);
    }
    this.#given = given.value;
    const { env, lookup } = what.environment;
    return this.#start({ ...what, environment: { env: { ...env, ...given.value }, lookup } }, shared, signal);
  }

  async #login(
    { scope, paths, resumed }: RenderScope,
    { vault: session }: SharedPool,
    signal: AbortSignal,
  ): ReturnType<typeof loginToVault> {
    const { Vault: vault } = scope.task;
    if (vault === null || session === undefined) return succeed({});
    const { disk } = this.#options.env;
    return loginToVault(session, { disk, vault, paths, resumed: resumed === true, signal });
  }

  async #start(
    what: RenderScope,
    shared: SharedPool,
    signal: AbortSignal,
  ): Promise<Result<Readonly<Record<string, string>>, StartFailure>> {
    const blocks = await this.#blocks(what);
    if (!blocks.ok) {
      await this.#end();
      return refuse(blocks.error.message);
    }
    if (this.#over.signal.aborted) return refuse("stopped before its templates were rendered");
    if (blocks.value.length === 0) {
      this.#ready = true;
      return succeed(this.#variables());
    }
    const templates = new TaskTemplates({
      env: this.#options.env,
      pool: shared.pool,
      blocks: blocks.value,
      wait: (template) => waitOf(template, this.#options.settings),
      note: (happening) => this.#options.runner()?.send({ kind: "note", happening }),
      resumed: what.resumed === true,
      onChange: (changed) => void this.#act(changed, what.environment),
    });
    this.#templates = templates;
    const done = await templates.start(signal);
    if (!done.ok) {
      await this.#end();
      return refuse(done.error.message);
    }
    this.#ready = true;
    return succeed(this.#variables());
  }

  #variables(): Readonly<Record<string, string>> {
    return { ...this.#given, ...this.#templates?.variables() };
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#end();
  }

  async #end(): Promise<void> {
    const [templates, leave] = [this.#templates, this.#leave];
    this.#templates = undefined;
    this.#leave = undefined;
    this.#ready = false;
    await templates?.stop();
    leave?.();
  }

  async #blocks({ scope, allocRoot, paths, environment }: RenderScope): Promise<Result<readonly TemplateBlock[]>> {
    const { access, settings, env } = this.#options;
    const sandboxed = !settings.disableFileSandbox;
    const host = access.host({
      environment: environment.env,
      sandbox: sandboxed ? allocRoot : "",
      folder: paths.taskDir,
    });
    const blocks: TemplateBlock[] = [];
    for (const template of scope.task.Templates) {
      const block = await readBlock(template, {
        disk: env.disk,
        paths,
        allocRoot,
        lookup: environment.lookup,
        host,
        namespace: scope.alloc.Namespace,
        denylist: settings.functionDenylist,
        sandboxed,
      });
      if (!block.ok) return block;
      blocks.push(block.value);
    }
    return succeed(blocks);
  }

  /** Does to the task what its templates ask for; one that does not run has nothing to be told. */
  async #act(changed: readonly Template[], environment: TaskEnvironment): Promise<void> {
    const { env, runner } = this.#options;
    const plan = planChange(changed);
    if (plan.splayMs > 0) await sleep(env.clock, env.random.float() * plan.splayMs, this.#over.signal);
    const task = runner();
    const phase = task?.record().phase;
    if (this.#over.signal.aborted || task === undefined || phase?.kind !== "running") return;
    for (const template of changed) task.send({ kind: "note", happening: events.event(events.rerendered(template)) });
    if (plan.restart) return task.send({ kind: "restart", reason: "Template with change_mode restart re-rendered" });
    for (const name of plan.signals) {
      const sent = await task.signal(name, "Template re-rendered").catch((thrown: unknown) => thrown);
      if (sent instanceof Error)
        env.log.warn("cannot signal a task after its template changed", { error: sent.message });
    }
    for (const script of plan.scripts) await this.#run(script, { task, handle: phase.handle, environment });
  }

  async #run(script: NonNullable<Template["ChangeScript"]>, to: ScriptTarget): Promise<void> {
    const { task, handle, environment } = to;
    const command = interpolate(script.Command, environment.lookup);
    const args = script.Args.map((arg) => interpolate(arg, environment.lookup));
    const problem = await this.#execute(handle, { argv: [command, ...args], timeoutMs: script.Timeout / 1e6 });
    const happening =
      problem === undefined ? events.ranScript(command, args, 0) : events.scriptFailed(command, problem);
    task.send({ kind: "note", happening });
    if (problem === undefined || !script.FailOnError) return;
    const message = "Template script failed, task is being killed";
    task.send({ kind: "stop", why: { ...events.event(message), FailsTask: true } });
  }

  /** What went wrong, if anything did. */
  async #execute(
    handle: TaskHandle,
    { argv, timeoutMs }: { readonly argv: readonly string[]; readonly timeoutMs: number },
  ): Promise<string | undefined> {
    let said = "";
    const onOutput = (_: string, data: Uint8Array): void => {
      if (said.length < SCRIPT_OUTPUT_BYTES) said += textOf(data);
    };
    // Aborting the request ends the script.
    const end = new AbortController();
    try {
      const request = { command: argv, tty: false, signal: end.signal, onOutput };
      const begun = await this.#options.driver.exec(handle, request);
      if (!begun.ok) return begun.error.message;
      const timeout = sleep(this.#options.env.clock, timeoutMs, this.#over.signal).then(() => undefined);
      const exit = await Promise.race([begun.value.exited, timeout]);
      if (exit === undefined) return `it took longer than ${timeoutMs / 1000} s`;
      return exit.code === 0 && exit.signal === 0 ? undefined : `exit code ${exit.code}: ${said.trim().slice(0, 500)}`;
    } catch (thrown) {
      return messageOf(thrown);
    } finally {
      end.abort();
    }
  }
}

interface ScriptTarget {
  readonly task: TaskRunner;
  readonly handle: TaskHandle;
  readonly environment: TaskEnvironment;
}

function readerOf({ alloc, job, group, task }: RenderScope["scope"]): TemplateReader {
  const jobId = job.ParentID === "" ? job.ID : job.ParentID;
  const vault = task.Vault === null ? undefined : { role: task.Vault.Role, namespace: task.Vault.Namespace };
  return { namespace: alloc.Namespace, jobId, group: group.Name, allocId: alloc.ID, taskName: task.Name, vault };
}

function refuse(message: string): { readonly ok: false; readonly error: StartFailure } {
  return { ok: false, error: { code: "SETUP", message, recoverable: false } };
}

/** The template's own, else the node's, within the node's bounds. */
function waitOf({ Wait }: Template, settings: AgentConfig["client"]["template"]): QuiescenceOptions | undefined {
  const { wait, waitBounds } = settings;
  const asked = Wait === null ? (wait.enabled ? wait : undefined) : { minMs: Wait.Min / 1e6, maxMs: Wait.Max / 1e6 };
  if (asked === undefined || asked.minMs <= 0) return undefined;
  const within = (ms: number): number => {
    const least = waitBounds.minMs > 0 ? Math.max(ms, waitBounds.minMs) : ms;
    return waitBounds.maxMs > 0 ? Math.min(least, waitBounds.maxMs) : least;
  };
  const minMs = within(asked.minMs);
  return { minMs, maxMs: Math.max(minMs, within(asked.maxMs > 0 ? asked.maxMs : asked.minMs * 4)) };
}
