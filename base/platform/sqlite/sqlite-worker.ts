import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { assert } from "#base/env/assert.ts";
import { Engine } from "./engine.ts";
import { toOpenError } from "./sqlite-errors.ts";
import type { PackedTxn, Reply, Request, WorkerSettings } from "./wire.ts";

/** Transactions in one commit at most, so that the first of them does not wait for ever longer groups. */
const GROUP_TXNS = 2000;

/** How long the thread looks for the next message before it sleeps: less than half of the fastest commit. */
const GLANCE_MS = 0.05;

/**
 * The thread that owns the database. It takes whatever is waiting, commits neighbouring transactions together, and
 * answers in order; between messages it compacts, a step at a time; with nothing to do it sleeps.
 */
function run(): void {
  const port = parentPort;
  assert(port !== null, "this file runs as a worker thread");
  const settings: unknown = workerData;
  assert(isSettings(settings), "the worker is started with its settings");
  try {
    new Service(port, new Engine(settings)).start();
  } catch (thrown) {
    refuse(port, thrown, settings.folder);
  }
}

class Service {
  readonly #port: MessagePort;
  readonly #engine: Engine;
  readonly #folder: string;
  /** What came while the log was being loaded. */
  readonly #early: Request[] = [];
  #loading = false;
  #tidying = false;

  constructor(port: MessagePort, engine: Engine) {
    this.#port = port;
    this.#engine = engine;
    this.#folder = engine.folder;
  }

  start(): void {
    this.#send({ kind: "held" });
    this.#port.on("message", (request: Request) => {
      if (this.#engine.loaded) return this.#serveAll([request]);
      this.#early.push(request);
      this.#loadSoon();
    });
    this.#loadSoon();
  }

  /** A step of loading, or a page of the scan that rides along; then lets messages in. */
  #load(): void {
    this.#loading = false;
    if (this.#engine.loaded) return;
    const [first] = this.#early;
    let page: Reply | undefined;
    try {
      if (first?.kind === "close") return void this.#serve([first]);
      if (first?.kind === "scan") page = this.#engine.answer(first);
      else this.#engine.load();
    } catch (thrown) {
      this.#engine.close();
      return refuse(this.#port, thrown, this.#folder);
    }
    if (this.#engine.loaded) this.#send({ kind: "opened", state: this.#engine.state });
    if (page !== undefined) {
      this.#early.shift();
      this.#send(page);
    }
    if (this.#engine.loaded) this.#serveAll(this.#early.splice(0));
    // A scan sets the pace: without another request of any kind, the next page it asks for goes on.
    else if (this.#early.length > 0 || !this.#engine.scanning) this.#loadSoon();
  }

  #loadSoon(): void {
    if (this.#loading) return;
    this.#loading = true;
    setImmediate(() => this.#load());
  }

  #serveAll(first: readonly Request[]): void {
    for (let requests = [...first, ...waiting(this.#port)]; requests.length > 0; requests = awaitMore(this.#port)) {
      if (!this.#serve(requests)) return;
    }
  }

  /** False: closed. */
  #serve(requests: readonly Request[]): boolean {
    for (const request of grouped(requests)) {
      if (request.kind === "txns") {
        const results = this.#engine.commit(request.txns);
        this.#send({ kind: "txns", results, state: this.#engine.state });
      } else {
        this.#send(this.#engine.answer(request));
      }
      if (request.kind !== "close") continue;
      this.#port.close();
      return false;
    }
    if (!this.#tidying) setImmediate(() => this.#tidy());
    this.#tidying = true;
    return true;
  }

  #tidy(): void {
    this.#tidying = this.#engine.tidy();
    if (this.#tidying) setImmediate(() => this.#tidy());
  }

  #send(reply: Reply): void {
    this.#port.postMessage(reply);
  }
}

function refuse(port: MessagePort, thrown: unknown, folder: string): void {
  const { code, message } = toOpenError(thrown, folder);
  port.postMessage({ kind: "refused", code, message } satisfies Reply);
  port.close();
}

/** Everything that has arrived. */
function waiting(port: MessagePort): Request[] {
  const requests: Request[] = [];
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    const request: unknown = next.message;
    if (isRequest(request)) requests.push(request);
  }
  return requests;
}

/** Whoever writes one thing after the other asks again at once: a glance saves the time it takes to wake this thread. */
function awaitMore(port: MessagePort): Request[] {
  const until = performance.now() + GLANCE_MS;
  for (;;) {
    const requests = waiting(port);
    if (requests.length > 0 || performance.now() >= until) return requests;
  }
}

/** Neighbouring transactions as one request. */
function grouped(requests: readonly Request[]): Request[] {
  const groups: Request[] = [];
  let txns: PackedTxn[] | undefined;
  for (const request of requests) {
    if (request.kind !== "txns") {
      groups.push(request);
      txns = undefined;
    } else if (txns === undefined || txns.length >= GROUP_TXNS) {
      txns = [...request.txns];
      groups.push({ kind: "txns", txns });
    } else {
      txns.push(...request.txns);
    }
  }
  return groups;
}

/** The other end of the port is our own code. */
function isRequest(_message: unknown): _message is Request {
  return true;
}

function isSettings(data: unknown): data is WorkerSettings {
  return typeof data === "object" && data !== null && "folder" in data;
}

run();
