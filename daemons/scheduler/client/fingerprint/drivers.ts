import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { DriverInfo } from "#base/protocol/node.ts";
import type { Driver, SweepRequest } from "#drivers/driver.ts";

/** A driver that does not answer must not hold up the node. */
const ASK_TIMEOUT_MS = 10_000;

/** Asks every driver; one that throws or hangs is unhealthy and says why. `before` keeps the time of what did not change. */
export async function askDrivers(
  env: Env,
  drivers: readonly Driver[],
  before: Readonly<Record<string, DriverInfo>>,
): Promise<Record<string, DriverInfo>> {
  const entries = await Promise.all(
    drivers.map(async (driver): Promise<[string, DriverInfo]> => {
      const info = await askOne(env, driver);
      const last = before[driver.name];
      const same = last !== undefined && sameInfo(last, info);
      return [driver.name, same ? last : { ...info, UpdateTime: new Date(env.clock.nowMs()).toISOString() }];
    }),
  );
  return Object.fromEntries(entries);
}

/** Has every driver end what it started and nobody knows; one that cannot is named in the log. */
export async function sweepDrivers(env: Env, drivers: readonly Driver[], request: SweepRequest): Promise<void> {
  const sweep = async (driver: Driver): Promise<void> => {
    try {
      await driver.sweep?.(request);
    } catch (thrown) {
      env.log.warn("cannot sweep up after earlier tasks", { driver: driver.name, error: messageOf(thrown) });
    }
  };
  await Promise.all(drivers.map(sweep));
}

async function askOne(env: Env, driver: Driver): Promise<DriverInfo> {
  const unhealthy = (why: string): DriverInfo => ({
    Attributes: {},
    Detected: true,
    Healthy: false,
    HealthDescription: why,
    UpdateTime: "",
  });
  return new Promise((resolve) => {
    const timer = env.clock.after(ASK_TIMEOUT_MS, () =>
      resolve(unhealthy(`no answer within ${ASK_TIMEOUT_MS / 1000} s`)),
    );
    driver
      .fingerprint()
      .catch((thrown: unknown) => unhealthy(messageOf(thrown)))
      .then((info) => {
        timer.cancel();
        resolve(info);
      })
      .catch(() => {});
  });
}

function sameInfo(a: DriverInfo, b: DriverInfo): boolean {
  return (
    a.Detected === b.Detected &&
    a.Healthy === b.Healthy &&
    a.HealthDescription === b.HealthDescription &&
    JSON.stringify(a.Attributes) === JSON.stringify(b.Attributes)
  );
}
