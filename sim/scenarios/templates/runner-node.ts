import { textOf } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import { succeed } from "#base/env/errors.ts";
import { silentLog } from "#base/env/log.ts";
import { compileTemplate, type CompiledTemplate } from "#base/client/templates/compile.ts";
import { LockSession } from "#base/client/templates/dedup/lock-session.ts";
import { SharedSource } from "#base/client/templates/dedup/shared-source.ts";
import { dependencyKey, type Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { poolSource } from "#base/client/templates/engine/pool-source.ts";
import type { QuiescenceOptions } from "#base/client/templates/engine/quiescence.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import { writeDestination } from "#base/client/templates/output/destination.ts";
import { TemplateSession } from "#base/client/templates/session.ts";
import type { BlockingOptions } from "#base/client/templates/sources/blocking.ts";
import { HttpApi } from "#base/client/templates/sources/http-api.ts";
import { createAnswerSource, readShared, type Answer } from "#base/client/templates/sources/template-source.ts";
import { VaultApi } from "#base/client/templates/sources/vault/vault-api.ts";
import { VaultToken } from "#base/client/templates/sources/vault/vault-token.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { UTC } from "#base/language/go-template/functions/time/zone.ts";
import type { RenderedFiles } from "../../checkers/rendered-files.ts";
import type { Machine } from "../../machine/node.ts";
import { CONSUL_PORT, VAULT_PORT } from "./source-node.ts";

export interface RunnerRun {
  readonly template: string;
  readonly wait: QuiescenceOptions;
  readonly files: RenderedFiles;
  readonly dedup: boolean;
}

export interface RunnerNode {
  /** Undefined: nothing was shared. */
  readonly leads: (() => boolean) | undefined;
}

export const OUT = "/out";
const RETRY = { enabled: true, attempts: 0, backoffMs: 250, maxBackoffMs: 4000 };
const WAIT_MS = 10_000;
const TTL_MS = 10_000;

/** A template runner as `lares template` puts it together, its commands being pauses. */
export function runRunnerNode(machine: Machine, server: string, run: RunnerRun): RunnerNode {
  const { env } = machine;
  const { clock, log } = env;
  const blocking = blockingOf(machine, server);
  const answers = createAnswerSource({
    env,
    consul: blocking,
    nomad: { ...blocking, product: "nomad" },
    vault: vaultOf(machine, server),
    resolve: (path) => path,
  });
  const common = new WatchPool<Dependency, Answer<GoValue>>({ source: answers, log });
  const direct = poolSource(common, dependencyKey);
  const shared = new SharedSource<GoValue>({
    clock,
    log,
    blocking,
    session: new LockSession({ clock, log, api: blocking.api, ttlMs: TTL_MS }),
    folder: "dedup/one/",
    direct,
    read: readShared,
  });
  const plain = {
    follow: (dependency: Dependency, sink: Parameters<typeof shared.follow>[1], signal: AbortSignal) =>
      direct.follow(dependency, { ...sink, value: ({ value }) => sink.value(value) }, signal),
  };
  const pool = new WatchPool<Dependency, GoValue>({ source: run.dedup ? shared : plain, log: silentLog });
  if (run.dedup) shared.start();
  const session = new TemplateSession<Dependency, GoValue>({
    clock,
    log,
    pool,
    templates: [sessionTemplate(machine, compiled(machine, run.template), run)],
    once: false,
    onSettled: () => Promise.resolve(),
    onEnd: (end) => log.error("ended", { ok: end.ok }),
  });
  session.start();
  return { leads: run.dedup ? () => shared.leads : undefined };
}

function sessionTemplate({ env, name, life }: Machine, { render }: CompiledTemplate, { wait, files }: RunnerRun) {
  let again = false;
  const who = `${name} (life ${life})`;
  return {
    name: "in => out",
    render,
    wait,
    errorFatal: false,
    command: {
      key: "reload",
      run: async () => {
        files.commandBegins(who);
        await sleep(env.clock, env.random.float() * 1500);
        files.commandEnds(who);
        return undefined;
      },
    },
    write: async (text: string) => {
      files.written(name, text, { atMs: env.clock.monotonicMs(), life, again });
      again = true;
      const { disk } = env;
      const destination = { path: OUT, perms: 0o600, uid: undefined, gid: undefined, backup: false, createDirs: true };
      const written = await writeDestination(disk, destination, text);
      again = !written.ok;
      if (!written.ok) return written;
      const found = await disk.read(OUT);
      if (found === undefined || textOf(found) !== text) throw new Error("the file is another one than was written");
      return succeed(written.value);
    },
  };
}

function compiled({ env }: Machine, text: string): CompiledTemplate {
  const made = compileTemplate({
    name: "in",
    text,
    leftDelim: "",
    rightDelim: "",
    errorOnMissingKey: false,
    denylist: [],
    destination: OUT,
    namespace: "",
    host: {
      nowMs: () => 0,
      zones: () => UTC,
      random: env.random,
      variable: () => undefined,
      isAllowed: () => true,
      plugin: undefined,
      interfaces: () => [],
      print: () => {},
    },
  });
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

function blockingOf({ env }: Machine, server: string): BlockingOptions {
  const { clock, random, http } = env;
  const address = { origin: `http://${server}:${CONSUL_PORT}`, socketPath: undefined };
  const api = new HttpApi({ http, address, name: "consul", headers: () => ({}) });
  return { clock, random, api, product: "consul", retry: RETRY, maxStaleMs: 2000, waitMs: WAIT_MS };
}

function vaultOf({ env }: Machine, server: string) {
  const { clock, disk, log, http } = env;
  const none = { tokenFile: "", unwrap: false, renew: false, login: undefined };
  const token = new VaultToken({ clock, disk, log, retry: RETRY, token: "t", ...none });
  const address = { origin: `http://${server}:${VAULT_PORT}`, socketPath: undefined };
  const api = new VaultApi({ http, address, tls: undefined, namespace: "", userAgent: "", token: () => token.current });
  token.use(api);
  return { api, token, retry: RETRY, leases: { defaultLeaseMs: 300_000, threshold: 0.9 } };
}
