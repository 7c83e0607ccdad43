import type { Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { VipOptions } from "./holding.ts";
import { ProxyHealth } from "./proxy-health.ts";
import type { VipStatus } from "./status.ts";
import { startLocked } from "./locked-addresses.ts";
import { startVrrp } from "./vrrp-addresses.ts";

export interface VirtualAddresses {
  status(): VipStatus;
  stop(): Promise<void>;
}

const PUBLISH_MS = 500;

/** Takes part in holding the addresses until stopped. */
export async function startVirtualAddresses(options: VipOptions): Promise<VirtualAddresses> {
  const { env, mode, node, publish, healthUrl, healthIntervalMs } = options;
  let publishing: Timer | undefined;
  let published = "";
  let stopped = false;
  const changed = (): void => {
    if (publishing !== undefined || stopped) return;
    publishing = env.clock.after(PUBLISH_MS, () => {
      publishing = undefined;
      const now = status();
      const news = JSON.stringify({ ...now, at: "" });
      if (news === published || stopped) return;
      publish(now).then(
        () => (published = news),
        (error: unknown) => env.log.warn("cannot publish the status", { error: messageOf(error) }),
      );
    });
  };
  const holding = await (mode === "vrrp" ? startVrrp : startLocked)(options, changed);
  const health = new ProxyHealth({
    env,
    url: healthUrl,
    intervalMs: healthIntervalMs,
    onChange: (isHealthy) => {
      env.log.info(isHealthy ? "HAProxy answers" : "HAProxy does not answer: the addresses go to others");
      changed();
      holding
        .setHealthy(isHealthy)
        .catch((error: unknown) => env.log.error("cannot act on HAProxy's health", { error: messageOf(error) }));
    },
  });
  const status = (): VipStatus => ({
    node,
    at: new Date(env.clock.nowMs()).toISOString(),
    mode,
    self: [...options.self],
    isHealthy: health.isHealthy,
    addresses: holding.addresses(),
  });
  health.start();
  return {
    status,
    stop: async () => {
      stopped = true;
      publishing?.cancel();
      health.stop();
      await holding.stop();
    },
  };
}
