import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { assert } from "#base/env/assert.ts";
import { Engine } from "./engine.ts";
import { toStoreError } from "./sqlite-errors.ts";
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
  const send = (reply: Reply): void => port.postMessage(reply);
  let engine: Engine;
  try {
    engine = new Engine(settings);
  } catch (thrown) {
    const { code, message } = toStoreError(thrown, `open ${settings.folder}`);
    send({ kind: "failed", code, message });
    port.close();
    return;
  }
  let tidying = false;
  const tidy = (): void => {
    tidying = engine.tidy();
    if (tidying) setImmediate(tidy);
  };
  const serve = (requests: readonly Request[]): void => {
    for (const request of grouped(requests)) {
      if (request.kind === "txns") send({ kind: "txns", results: engine.commit(request.txns), state: engine.state });
      else send(engine.answer(request));
      if (request.kind === "close") return port.close();
    }
    if (tidying) return;
    tidying = true;
    setImmediate(tidy);
  };
  port.on("message", (first: Request) => {
    for (let requests = [first, ...waiting(port)]; requests.length > 0; requests = awaitMore(port)) serve(requests);
  });
  send({ kind: "opened", state: engine.state });
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
