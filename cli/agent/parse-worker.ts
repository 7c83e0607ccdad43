import { randomBytes, randomUUID } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import * as v from "valibot";
import { ParseRequestSchema, parseJobText } from "#daemons/scheduler/http/parse-job-text.ts";

/** Nobody waits for this thread but who asked. */
const MAX_STEPS = 5_000_000;

/** Reads one job file, and ends. */
void parseJobText(v.parse(ParseRequestSchema, workerData), {
  maxSteps: MAX_STEPS,
  now: () => Date.now(),
  uuid: () => randomUUID(),
  randomBytes: (length) => randomBytes(length),
}).then((parsed) => parentPort?.postMessage(parsed));
