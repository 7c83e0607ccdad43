import * as v from "valibot";
import { AgentCheckDefinitionSchema } from "#base/protocol/catalog.ts";
import { MAX_OUTPUT_BYTES } from "../checks/check-spec.ts";
import type { NodeCheck } from "#base/protocol/catalog.ts";
import type { CheckRegistration } from "./registration.ts";

const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 10_000;
/** A moment of load is none. */
const FAILURES_BEFORE = 3;

/** A check of the machine itself. `folder`: whose disk is looked at. */
export function nodeCheck(check: NodeCheck, folder: string): CheckRegistration {
  const id = `node-${check}`;
  const name = `Node ${check}`;
  return {
    id,
    name,
    definition: v.parse(AgentCheckDefinitionSchema, {
      CheckID: id,
      Name: name,
      Notes: "built in",
      Interval: `${INTERVAL_MS / 1000}s`,
      Timeout: `${TIMEOUT_MS / 1000}s`,
    }),
    spec: {
      probe: { kind: "node", check, folder },
      intervalMs: INTERVAL_MS,
      timeoutMs: TIMEOUT_MS,
      thresholds: { successBeforePassing: 0, failuresBeforeWarning: 1, failuresBeforeCritical: FAILURES_BEFORE },
      // Nothing is wrong before somebody looked.
      initialStatus: "passing",
      maxOutputBytes: MAX_OUTPUT_BYTES,
      deregisterAfterMs: undefined,
    },
  };
}
