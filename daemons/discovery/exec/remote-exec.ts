import { join } from "node:path/posix";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Child } from "#base/env/exec.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { View } from "#base/state/table.ts";
import { sessions } from "#base/state/tables.ts";
import type { ConsulEvent } from "../events/event-log.ts";
import type { KvStore } from "../kv/kv-store.ts";
import { readCall, readJob, type ExecCall, type ExecJob } from "./job.ts";
import { OutputKeys } from "./output-keys.ts";

export interface RemoteExecDeps {
  readonly env: Env;
  readonly kv: KvStore;
  readonly view: View;
  readonly nodeName: string;
  /** Scripts are put here while they run. Undefined: none are. */
  readonly dataDir: string | undefined;
}

/** Commands that run at a time; more are refused with exit code 255. */
const MAX_RUNNING = 16;
/** An event may be here before the keys it speaks of. */
const JOB_WAIT_MS = 5000;
const JOB_RETRY_MS = 100;
const SIGKILL = 9;
const REFUSED = 255;
const OWNER_RUNS = 0o700;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Runs what other nodes' users ask for. Under `<prefix>/<session>/<node>/` it leaves the keys `ack`, `out/00000` …, and
 * `exit` with the exit code, all locked by the caller's session.
 */
export class RemoteExec {
  readonly #deps: RemoteExecDeps;
  readonly #running = new Set<Child>();
  #count = 0;
  #stopped = false;

  constructor(deps: RemoteExecDeps) {
    this.#deps = deps;
  }

  /** Takes the event of a command. Never throws: what is wrong with it is in the log. */
  async take(event: ConsulEvent): Promise<void> {
    const { log } = this.#deps.env;
    const call = readCall(event.Payload);
    if (!call.ok) return log.warn("a remote command was ignored", { reason: call.error.message });
    try {
      await this.#run(call.value);
    } catch (thrown) {
      log.warn("a remote command failed", { session: call.value.Session, reason: messageOf(thrown) });
    }
  }

  /** Ends what runs. */
  stop(): void {
    this.#stopped = true;
    for (const child of this.#running) this.#deps.env.exec.kill(-child.pid, SIGKILL);
  }

  async #run(call: ExecCall): Promise<void> {
    const { env } = this.#deps;
    const found = await this.#job(call);
    if (found === undefined) return env.log.warn("a remote command's job is not there", { session: call.Session });
    const job = readJob(found);
    if (!job.ok) return env.log.warn("a remote command was ignored", { reason: job.error.message });
    if (!(await this.#put(call, "ack", new Uint8Array()))) return;
    if (this.#count >= MAX_RUNNING || this.#stopped) {
      await this.#put(call, "out/00000", Buffer.from(`${MAX_RUNNING} remote commands run already\n`));
      await this.#put(call, "exit", Buffer.from(String(REFUSED)));
      return;
    }
    this.#count += 1;
    env.log.info("a remote command starts", { session: call.Session, command: job.value.Command });
    try {
      await this.#put(call, "exit", Buffer.from(String(await this.#execute(call, job.value))));
    } finally {
      this.#count -= 1;
    }
  }

  /** The exit code; 128 and the signal's number where one killed it. */
  async #execute(call: ExecCall, job: ExecJob): Promise<number> {
    const { env, view } = this.#deps;
    const script = await this.#script(call, job);
    let child: Child | undefined;
    const output = new OutputKeys({
      clock: env.clock,
      write: (chunk, data) => this.#put(call, `out/${chunk.toString(16).padStart(5, "0")}`, data),
      isWanted: () => view.table(sessions).get(GLOBAL, call.Session) !== undefined,
      onUnwanted: () => {
        if (child !== undefined) env.exec.kill(-child.pid, SIGKILL);
      },
    });
    try {
      child = await env.exec.spawn(argvOf(job, script), {
        env: { PATH },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        detached: true,
        onOutput: (_stream, data) => output.add(data),
      });
      this.#running.add(child);
      const { code, signal } = await child.exited;
      return signal === 0 ? code : 128 + signal;
    } catch (thrown) {
      await output.add(Buffer.from(`${messageOf(thrown)}\n`));
      return REFUSED;
    } finally {
      if (child !== undefined) this.#running.delete(child);
      await output.end();
      if (script !== undefined) await env.disk.remove(script);
    }
  }

  async #job({ Prefix, Session }: ExecCall): Promise<Uint8Array | undefined> {
    const { env, kv } = this.#deps;
    for (let waited = 0; waited <= JOB_WAIT_MS && !this.#stopped; waited += JOB_RETRY_MS) {
      const row = kv.get(`${Prefix}/${Session}/job`);
      // Only its caller's session can have put it there.
      if (row !== undefined && row.value.Session === Session) return Buffer.from(row.value.Value, "base64");
      await sleep(env.clock, JOB_RETRY_MS);
    }
    return undefined;
  }

  /** False: the session is gone, and with it who asked. */
  async #put({ Prefix, Session }: ExecCall, name: string, value: Uint8Array): Promise<boolean> {
    const { kv, nodeName } = this.#deps;
    const key = `${Prefix}/${Session}/${nodeName}/${name}`;
    const done = await kv
      .write({ verb: "lock", key, value: Buffer.from(value).toString("base64"), flags: "0", session: Session })
      .catch(() => ({ ok: false }));
    return done.ok;
  }

  async #script({ Session }: ExecCall, { Script, Args }: ExecJob): Promise<string | undefined> {
    const { env, dataDir } = this.#deps;
    if (Script === "" || Args.length > 0 || dataDir === undefined) return undefined;
    await env.disk.makeDir(join(dataDir, "exec"));
    const path = join(dataDir, "exec", Session);
    await env.disk.replace(path, Buffer.from(Script, "base64"), { mode: OWNER_RUNS });
    return path;
  }
}

function argvOf({ Command, Args }: ExecJob, script: string | undefined): readonly string[] {
  if (Args.length > 0) return Args;
  return script === undefined ? ["/bin/sh", "-c", Command] : [script];
}
