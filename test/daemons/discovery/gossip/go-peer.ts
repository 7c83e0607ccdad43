import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const here = join(import.meta.dirname, "go");
const cache = join(import.meta.dirname, "../../../../node_modules/.cache/lares/gossip");

/** The program in `go/`: built once for its sources, kept between runs. */
export async function goProgram(): Promise<string> {
  const sources = readdirSync(here).sort();
  const hash = createHash("sha256");
  for (const name of sources) hash.update(readFileSync(join(here, name)));
  const program = join(cache, `peer-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const made = `${program}.${process.pid}`;
  await promisify(execFile)("go", ["build", "-o", made, "."], { cwd: here, timeout: 600_000 });
  renameSync(made, program);
  return program;
}

export interface GoEvent {
  readonly kind: string;
  readonly command?: string;
  readonly error?: string;
  readonly member?: string;
  readonly meta?: string;
  readonly text?: string;
  readonly payload?: string;
  readonly state?: number;
  readonly port?: number;
  readonly id?: number;
  readonly hex?: string;
  readonly members?: Readonly<Record<string, string>>;
}

export interface GoPeer {
  readonly port: number;
  readonly events: GoEvent[];
  /** One command at a time; rejects with the error that memberlist gave. */
  tell(command: string): Promise<GoEvent>;
  kill(): void;
  stop(): Promise<void>;
}

/** A member that memberlist runs. */
export async function startGoPeer(args: readonly string[]): Promise<GoPeer> {
  const child = spawn(await goProgram(), args, { stdio: ["pipe", "pipe", "inherit"] });
  const events: GoEvent[] = [];
  const waiting: ((event: GoEvent) => void)[] = [];
  let ended = false;
  const ready = Promise.withResolvers<GoEvent>();
  child.once("error", ready.reject);
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event = JSON.parse(line) as GoEvent;
    if (event.kind === "ready") ready.resolve(event);
    else if (event.kind === "done") waiting.shift()?.(event);
    else events.push(event);
  });
  const over: GoEvent = { kind: "done", error: "the program ended" };
  const gone = new Promise<void>((resolve) =>
    child.once("exit", () => {
      ended = true;
      for (const done of waiting.splice(0)) done(over);
      ready.reject(new Error("the program ended"));
      resolve();
    }),
  );
  child.stdin.on("error", () => {});
  const { port = 0 } = await ready.promise;
  return {
    port,
    events,
    tell(command) {
      const done = Promise.withResolvers<GoEvent>();
      waiting.push((event) =>
        event.error === undefined ? done.resolve(event) : done.reject(new Error(`${command}: ${event.error}`)),
      );
      if (ended) waiting.pop()?.(over);
      else child.stdin.write(`${command}\n`);
      return done.promise;
    },
    kill: () => void child.kill("SIGKILL"),
    stop: () => {
      child.kill("SIGKILL");
      return gone;
    },
  };
}

/** Answers of the `lzw` mode, in the order of the lines. */
export async function goLzw(lines: readonly string[]): Promise<string[]> {
  const child = spawn(await goProgram(), ["lzw"], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  const answers: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) answers.push(line);
  return answers;
}
