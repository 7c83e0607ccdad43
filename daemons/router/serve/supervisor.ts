import { textOf } from "#base/env/bytes.ts";
import { sleep, type Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Child } from "#base/env/exec.ts";
import type { WantedProgram } from "../plan/desired.ts";

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const HUP = 1;
const TERM = 15;
/** Of what a program said. */
const MOST_WORDS = 200;
const KILL = 9;
const STOP_MS = 5000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** Having lived this long, a program starts again at once. */
const SETTLED_MS = 30_000;

interface Running {
  signature: string;
  program: WantedProgram;
  child: Child | undefined;
  stopped: boolean;
  pauseMs: number;
  timer: Timer | undefined;
  state: string;
  /** The last it said: why it ended, often. */
  words: string;
}

export interface SupervisorOptions {
  readonly env: Env;
  /** Where pids are remembered, so that what a killed router left behind is found. */
  readonly folder: string;
  /** A program said something or ended: facts may have changed. */
  readonly onNews: () => void;
}

/** Keeps Debian's programs running, each as long as it is wanted, and started anew when its configuration changes. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, Running>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Programs with how they fare. */
  states(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#running].map(([name, { state }]) => [name, state]));
  }

  /** Makes what runs what is wanted. A program whose interface is not there yet waits for it. */
  async follow(programs: readonly WantedProgram[], devices: ReadonlySet<string>): Promise<void> {
    const wanted = new Map(
      programs.filter(({ device }) => device === "" || devices.has(device)).map((each) => [each.name, each]),
    );
    for (const [name, running] of this.#running) {
      const program = wanted.get(name);
      if (JSON.stringify(program) === running.signature) continue;
      if (program === undefined || !(await this.#reload(running, program))) await this.#stop(name, running);
    }
    for (const [name, program] of wanted) {
      if (this.#running.has(name)) continue;
      const running: Running = {
        signature: JSON.stringify(program),
        program,
        child: undefined,
        stopped: false,
        pauseMs: FIRST_PAUSE_MS,
        timer: undefined,
        state: "starting",
        words: "",
      };
      this.#running.set(name, running);
      await this.#removeStray(program);
      await this.#start(running);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running].map(([name, running]) => this.#stop(name, running)));
  }

  /** False: it has to be started anew. */
  async #reload(running: Running, program: WantedProgram): Promise<boolean> {
    const { child } = running;
    if (program.reloads !== true || child === undefined || program.argv.join("\0") !== running.program.argv.join("\0"))
      return false;
    for (const { path, text, mode } of program.files) await this.#options.env.disk.replace(path, text, { mode });
    this.#options.env.exec.kill(child.pid, HUP);
    running.signature = JSON.stringify(program);
    running.program = program;
    return true;
  }

  async #start(running: Running): Promise<void> {
    const { env, onNews } = this.#options;
    const { program } = running;
    const log = env.log.child(program.name);
    const startedMs = env.clock.monotonicMs();
    try {
      for (const { path, text, mode } of program.files) await env.disk.replace(path, text, { mode });
      const child = await env.exec.spawn(program.argv, {
        env: { PATH, HOME: this.#options.folder },
        stdout: "pipe",
        stderr: "pipe",
        stdin: "ignore",
        // Its own group: helpers it forked go with it.
        detached: true,
        onOutput: (_, data) => {
          const lines = textOf(data).trim().split("\n");
          running.words = lines.at(-1)?.slice(0, MOST_WORDS) || running.words;
          if (log.enabled("debug")) for (const line of lines) log.debug(line);
          onNews();
        },
      });
      running.child = child;
      running.state = "running";
      await env.disk.replace(this.#pidFile(program), String(child.pid), { durable: false });
      void child.exited.then((exit) =>
        this.#ended(running, startedMs, exit.signal === 0 ? `code ${exit.code}` : `signal ${exit.signal}`),
      );
    } catch (thrown) {
      this.#ended(running, startedMs, messageOf(thrown));
    }
  }

  #ended(running: Running, startedMs: number, how: string): void {
    const { env, onNews } = this.#options;
    running.child = undefined;
    if (running.stopped) return;
    if (env.clock.monotonicMs() - startedMs > SETTLED_MS) running.pauseMs = FIRST_PAUSE_MS;
    const why = running.words === "" ? how : `${how}: ${running.words}`;
    running.state = `ended (${why}), starts again`;
    env.log.warn(`${running.program.name} ended (${why}) and starts again`, { afterMs: running.pauseMs });
    running.timer = env.clock.after(running.pauseMs, () => void this.#start(running));
    running.pauseMs = Math.min(running.pauseMs * 2, LONGEST_PAUSE_MS);
    onNews();
  }

  async #stop(name: string, running: Running): Promise<void> {
    const { env } = this.#options;
    running.stopped = true;
    running.timer?.cancel();
    this.#running.delete(name);
    const { child } = running;
    if (child !== undefined) {
      env.exec.kill(-child.pid, TERM);
      const ended = await Promise.race([child.exited, sleep(env.clock, STOP_MS)]);
      if (ended === undefined) env.exec.kill(-child.pid, KILL);
      await child.exited;
      // Helpers that outlived it.
      env.exec.kill(-child.pid, KILL);
    }
    await env.disk.remove(this.#pidFile(running.program));
  }

  /** What a router that was killed left running would be in the way. */
  async #removeStray(program: WantedProgram): Promise<void> {
    const { env } = this.#options;
    const read = await env.disk.read(this.#pidFile(program));
    const pid = read === undefined ? 0 : Number(textOf(read));
    if (!Number.isSafeInteger(pid) || pid <= 1) return;
    const command = await env.disk.read(`/proc/${pid}/cmdline`).catch(() => undefined);
    // The number may be somebody else's by now.
    if (command === undefined || textOf(command).split("\0").slice(0, -1).join("\0") !== program.argv.join("\0"))
      return;
    env.exec.kill(-pid, TERM);
    await sleep(env.clock, FIRST_PAUSE_MS);
    env.exec.kill(-pid, KILL);
  }

  #pidFile({ name }: WantedProgram): string {
    return `${this.#options.folder}/${name}.pid`;
  }
}
