import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import { createSchedulerClient } from "#daemons/scheduler/client/client.ts";
import type { ServiceRegistry } from "#daemons/scheduler/client/service-registry.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import type { Machine } from "../machine/node.ts";
import { linkTo } from "./link-exchange.ts";

const START_AGAIN_MS = 1000;

/** The scheduler's own client with the mock driver; when it cannot start, it is started again as systemd would. */
export async function runAgentNode(machine: Machine, server: string): Promise<void> {
  const { env, address } = machine;
  const { client, ...config } = defaultAgentConfig();
  for (;;) {
    const started = createSchedulerClient({
      env,
      link: linkTo(env.http, server),
      drivers: [createMockDriver(env)],
      registry: noRegistry,
      config: { ...config, client: { ...client, cpuTotalCompute: 1000, memoryTotalMb: 1000 } },
      dataDir: "/data",
      httpAddress: `${address}:4646`,
      version: "0.0.0",
      onStop: "leave",
    });
    try {
      await started.start();
      return;
    } catch (thrown) {
      env.log.error("the client could not start", { error: messageOf(thrown) });
      await started.stop();
      await sleep(env.clock, START_AGAIN_MS);
    }
  }
}

/** The jobs here offer no services. */
const noRegistry: ServiceRegistry = {
  register: () => Promise.resolve(),
  deregister: () => Promise.resolve(),
  registered: () => [],
  onStatus: () => () => {},
  checks: () => [],
  report: () => {},
};
