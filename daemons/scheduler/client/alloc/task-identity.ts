import { join, normalize } from "node:path/posix";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf, succeed, type Result } from "#base/env/errors.ts";
import { DEFAULT_IDENTITY, DEFAULT_IDENTITY_NAME, type Identity } from "#base/protocol/identity.ts";
import type { Task } from "#base/protocol/task.ts";
import type { StartFailure } from "#drivers/driver.ts";
import type { ServerLink } from "../../link.ts";

const READABLE = 0o644;
/** Renewing is tried again after this part of an identity's life. */
const RETRY_PART = 16;

export interface IdentityScope {
  readonly env: Env;
  readonly sign: ServerLink["signIdentities"];
  readonly nodeId: string;
  readonly allocId: string;
  readonly task: Task;
  readonly taskDir: string;
}

/** The identities that a task wants to see. A role of this program talks to the cluster, whatever its job says. */
export function shownIdentities({ Identity, Identities, Driver }: Task): readonly Identity[] {
  const own =
    Identity === null && Driver === "lares"
      ? [{ ...DEFAULT_IDENTITY, Env: true }]
      : Identity === null
        ? []
        : [Identity];
  return [...own, ...Identities].filter(({ Env, File }) => Env || File);
}

/**
 * Has the identities of a task signed and writes the files; the answer is what goes into its environment.
 * https://developer.hashicorp.com/nomad/docs/job-specification/identity
 */
export async function placeIdentities(scope: IdentityScope): Promise<Result<Record<string, string>, StartFailure>> {
  const shown = shownIdentities(scope.task);
  if (shown.length === 0 || scope.sign === undefined) return succeed({});
  try {
    return succeed(await renew(scope, shown));
  } catch (thrown) {
    const message = `its identity could not be signed: ${messageOf(thrown)}`;
    return { ok: false, error: { code: "IDENTITY", message, recoverable: true } };
  }
}

async function renew(scope: IdentityScope, wanted: readonly Identity[]): Promise<Record<string, string>> {
  const { sign, nodeId, allocId, task } = scope;
  const names = wanted.map(({ Name }) => Name);
  const signed = (await sign?.({ nodeId, allocId, task: task.Name, names })) ?? [];
  const variables: Record<string, string> = {};
  for (const { name, token } of signed) {
    const identity = wanted.find(({ Name }) => Name === name);
    if (identity?.Env === true) variables[variableOf(name)] = token;
    if (identity?.File === true) {
      await scope.env.disk.replace(fileOf(scope.taskDir, identity), token, { mode: READABLE });
    }
  }
  return variables;
}

function variableOf(name: string): string {
  return name === DEFAULT_IDENTITY_NAME ? "NOMAD_TOKEN" : `NOMAD_TOKEN_${name}`;
}

/** Never outside the task's folder. */
function fileOf(taskDir: string, { Name, Filepath }: Identity): string {
  if (Filepath !== "") return join(taskDir, normalize(`/${Filepath}`));
  return join(taskDir, "secrets", Name === DEFAULT_IDENTITY_NAME ? "nomad_token" : `nomad_${Name}.jwt`);
}

export interface Renewal {
  /** An earlier agent renewed it, who knows when. */
  readonly isLate: boolean;
  /** Undefined: the task is over. */
  readonly scope: () => IdentityScope | undefined;
  readonly restart: (reason: string) => void;
  readonly signal: (name: string) => void;
}

/** Renews identities that expire at half of their life, and tells the task as it wants to be told. */
export function keepIdentities(env: Env, task: Task, renewal: Renewal): { stop(): void } {
  const expiring = shownIdentities(task).filter(({ TTL }) => TTL > 0);
  const shortestMs = Math.min(...expiring.map(({ TTL }) => TTL / 1e6));
  let timer: Timer | undefined;
  const arm = (afterMs: number): void => {
    timer = env.clock.after(afterMs, () => {
      const scope = renewal.scope();
      // It may be started again.
      if (scope === undefined) return arm(shortestMs / 2);
      renew(scope, expiring).then(
        () => {
          tell(expiring, renewal);
          arm(shortestMs / 2);
        },
        (thrown: unknown) => {
          env.log.warn("an identity could not be renewed", { task: task.Name, reason: messageOf(thrown) });
          arm(shortestMs / RETRY_PART);
        },
      );
    });
  };
  if (expiring.length > 0) arm(renewal.isLate ? shortestMs / RETRY_PART : shortestMs / 2);
  return { stop: () => timer?.cancel() };
}

/** One restart is enough for all. */
function tell(changed: readonly Identity[], { restart, signal }: Renewal): void {
  if (changed.some(({ ChangeMode }) => ChangeMode === "restart")) return restart("Identity renewed");
  const signals = changed.flatMap(({ ChangeMode, ChangeSignal }) => (ChangeMode === "signal" ? [ChangeSignal] : []));
  for (const name of new Set(signals)) signal(name);
}
