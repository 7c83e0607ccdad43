import type { Worker } from "node:worker_threads";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { SqlFile, SqlFileOptions, SqlRow, SqlStep } from "#base/env/sql.ts";
import { codeOf } from "./system-error.ts";
import { startWorker } from "./embedded/worker.ts";
import type { SqlReply, SqlRequest } from "./sql-file-wire.ts";

/** A thread nobody asked anything of for so long is ended; the next question begins another. It is several megabytes. */
const REST_MS = 40_000;

/**
 * A database with a thread of its own, as long as it has something to do. A file that is damaged, or no database, is put
 * aside as `PATH.broken` and begun anew: what is kept this way can be lost, and a program that does not start for it cannot.
 */
export async function openSqlFile(options: SqlFileOptions, restMs = REST_MS): Promise<SqlFile> {
  const file = new RestingSqlFile(() => openInThread(options), restMs);
  await file.wake();
  return file;
}

async function openInThread(options: SqlFileOptions): Promise<SqlFile> {
  const file = new ThreadedSqlFile(startWorker("base/platform/sql-file-worker.ts", { workerData: options }));
  await file.opened;
  return file;
}

class RestingSqlFile implements SqlFile {
  readonly #open: () => Promise<SqlFile>;
  readonly #restMs: number;
  #file: Promise<SqlFile> | undefined;
  #resting: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #busy = 0;
  #isClosed = false;

  constructor(open: () => Promise<SqlFile>, restMs: number) {
    this.#open = open;
    this.#restMs = restMs;
  }

  async wake(): Promise<void> {
    await this.#with(() => Promise.resolve());
  }

  write(steps: readonly SqlStep[]): Promise<void> {
    return this.#with((file) => file.write(steps));
  }

  read(sql: string, values: SqlRow): Promise<readonly SqlRow[]> {
    return this.#with((file) => file.read(sql, values));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#rest();
  }

  async #with<T>(work: (file: SqlFile) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new CodedError("SQL_CLOSED", "the database was closed");
    clearTimeout(this.#timer);
    this.#busy += 1;
    const file = this.#file ?? this.#begin();
    try {
      return await work(await file);
    } catch (thrown) {
      // One that ended by itself is begun anew.
      if (codeOf(thrown) === "SQL_CLOSED" && this.#file === file) this.#file = undefined;
      throw thrown;
    } finally {
      this.#busy -= 1;
      if (this.#busy === 0 && !this.#isClosed) this.#timer = setTimeout(() => void this.#rest(), this.#restMs).unref();
    }
  }

  #begin(): Promise<SqlFile> {
    const file = this.#resting.then(this.#open);
    this.#file = file;
    file.catch(() => {
      if (this.#file === file) this.#file = undefined;
    });
    return file;
  }

  #rest(): Promise<void> {
    clearTimeout(this.#timer);
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) this.#resting = file.then((open) => open.close()).catch(() => {});
    return this.#resting;
  }
}

class ThreadedSqlFile implements SqlFile {
  readonly opened: Promise<readonly SqlRow[]>;
  readonly #worker: Worker;
  readonly #waiting: PromiseWithResolvers<readonly SqlRow[]>[] = [];
  #closed: Promise<void> | undefined;
  #isOver = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.opened = this.#expect();
    worker.on("message", (reply: SqlReply) => {
      const next = this.#waiting.shift();
      if (reply.kind === "rows") next?.resolve(reply.rows);
      else next?.reject(new CodedError("SQL_FILE", reply.message));
    });
    worker.on("error", (error) => this.#end(messageOf(error)));
    worker.on("exit", () => this.#end("it was closed"));
  }

  async write(steps: readonly SqlStep[]): Promise<void> {
    const handedOver = steps.flatMap((step) => ("numbers" in step ? [step.numbers.buffer] : []));
    await this.#ask({ kind: "write", steps }, handedOver);
  }

  read(sql: string, values: SqlRow): Promise<readonly SqlRow[]> {
    return this.#ask({ kind: "read", sql, values });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (!this.#isOver) await this.#ask({ kind: "close" });
    await this.#worker.terminate();
  }

  #ask(request: SqlRequest, handedOver: readonly ArrayBuffer[] = []): Promise<readonly SqlRow[]> {
    if (this.#isOver) return Promise.reject(new CodedError("SQL_CLOSED", "the database was closed"));
    const answer = this.#expect();
    this.#worker.postMessage(request, handedOver);
    return answer;
  }

  #expect(): Promise<readonly SqlRow[]> {
    const answer = Promise.withResolvers<readonly SqlRow[]>();
    this.#waiting.push(answer);
    // Somebody waits: until then the thread keeps the program alive.
    this.#worker.ref();
    const settled = (): void => {
      if (this.#waiting.length === 0) this.#worker.unref();
    };
    answer.promise.then(settled, settled);
    return answer.promise;
  }

  #end(why: string): void {
    this.#isOver = true;
    for (const one of this.#waiting.splice(0)) one.reject(new CodedError("SQL_CLOSED", `the database ended: ${why}`));
  }
}
