import { fail } from "#base/env/errors.ts";
import { nearest } from "#base/language/nearest.ts";
import type { Driver } from "#drivers/driver.ts";

/** Stands in for a driver this node does not have, so that the task fails with words instead of the agent. */
export function missingDriver(name: string, known: readonly string[]): Driver {
  const close = nearest(name, known);
  const hint = close === undefined ? `this node has: ${known.join(", ")}` : `did you mean ${close}?`;
  const { error } = fail("NO_DRIVER", `this node has no driver ${JSON.stringify(name)}`, hint);
  const failed = { ok: false as const, error: { ...error, recoverable: false } };
  return {
    name,
    capabilities: {
      sendSignals: false,
      exec: false,
      fsIsolation: "none",
      networkModes: ["host", "bridge", "none"],
      logs: "files",
    },
    fingerprint: () =>
      Promise.resolve({
        Attributes: {},
        Detected: false,
        Healthy: false,
        HealthDescription: error.message,
        UpdateTime: "",
      }),
    validate: () => [],
    start: () => Promise.resolve(failed),
    recover: () => Promise.resolve(failed),
    wait: () => Promise.resolve({ kind: "lost", message: error.message }),
    stop: () => Promise.resolve(),
    destroy: () => Promise.resolve(),
    signal: () => Promise.resolve(failed),
    stats: () => Promise.resolve(failed),
    exec: () => Promise.resolve(failed),
  };
}
