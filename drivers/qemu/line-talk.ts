import * as v from "valibot";
import { concatBytes, textOf, utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Stream } from "#base/env/net.ts";

const ObjectSchema = v.record(v.string(), v.unknown());
export type JsonObject = v.InferOutput<typeof ObjectSchema>;

/** A longer line is nothing that was asked for: guest-exec answers with at most 16 MiB of output in base64. */
const MAX_LINE_BYTES = 48 * 1024 * 1024;
/** Objects nobody has asked for yet; older ones go first. */
const MAX_WAITING = 256;
const NEWLINE = 10;

interface Waiter {
  readonly accept: (object: JsonObject) => boolean;
  readonly resolve: (object: JsonObject | undefined) => void;
}

/** A talk with a program that says a JSON object a line: QEMU's monitor, the guest's agent. */
export class LineTalk {
  readonly #env: Env;
  readonly #stream: Stream;
  #parts: Uint8Array[] = [];
  #size = 0;
  readonly #waiting: JsonObject[] = [];
  #waiter: Waiter | undefined;
  #closed = false;

  static async open(env: Env, socketPath: string, timeoutMs: number): Promise<Result<LineTalk>> {
    try {
      return succeed(new LineTalk(env, await env.net.connect({ host: "", port: 0, socketPath, timeoutMs })));
    } catch (thrown) {
      return fail("UNREACHABLE", `cannot reach ${socketPath}: ${messageOf(thrown)}`);
    }
  }

  private constructor(env: Env, stream: Stream) {
    this.#env = env;
    this.#stream = stream;
    stream.onData((data) => this.#take(data));
    stream.onClose(() => this.#end());
  }

  async send(object: JsonObject, before = new Uint8Array()): Promise<void> {
    await this.#stream.write(concatBytes([before, utf8(`${JSON.stringify(object)}\n`)])).catch(() => this.#end());
  }

  /** The first object that is accepted, of those that came and those that will; undefined: none came in time. */
  next(accept: (object: JsonObject) => boolean, timeoutMs: number): Promise<JsonObject | undefined> {
    const at = this.#waiting.findIndex(accept);
    if (at >= 0) return Promise.resolve(this.#waiting.splice(at, 1)[0]);
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = this.#env.clock.after(timeoutMs, () => finish(undefined));
      const finish = (object: JsonObject | undefined): void => {
        timer.cancel();
        this.#waiter = undefined;
        resolve(object);
      };
      this.#waiter = { accept, resolve: finish };
    });
  }

  close(): void {
    this.#stream.destroy();
    this.#end();
  }

  #take(data: Uint8Array): void {
    let rest = data;
    for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE)) {
      this.#parts.push(rest.subarray(0, at));
      this.#line(textOf(concatBytes(this.#parts)));
      this.#parts = [];
      this.#size = 0;
      rest = rest.subarray(at + 1);
    }
    this.#size += rest.length;
    if (this.#size > MAX_LINE_BYTES) this.close();
    else if (rest.length > 0) this.#parts.push(rest.slice());
  }

  #line(line: string): void {
    const object = parseObject(line);
    if (object === undefined) return;
    if (this.#waiter?.accept(object) === true) {
      this.#waiter.resolve(object);
      return;
    }
    this.#waiting.push(object);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
  }

  #end(): void {
    this.#closed = true;
    this.#waiter?.resolve(undefined);
  }
}

/** What is no JSON object is left out; a byte of 255 in front is the agent's mark. */
export function parseObject(line: string): JsonObject | undefined {
  try {
    const parsed = v.safeParse(ObjectSchema, JSON.parse(line.replace(/^\uFFFD+/, "")));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
