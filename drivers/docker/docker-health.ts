import * as v from "valibot";
import { messageOf } from "#base/env/errors.ts";
import type { DriverInfo } from "#base/protocol/node.ts";
import type { Engine } from "./engine.ts";
import type { DockerOptions } from "./plugin-options.ts";

const VersionSchema = v.object({ Version: v.string(), ApiVersion: v.string(), Os: v.nullish(v.string(), "linux") });
const InfoSchema = v.object({ Runtimes: v.nullish(v.record(v.string(), v.unknown()), () => ({})) });
/** Of the bridge that containers are on without a network of their own. */
const BridgeSchema = v.object({
  IPAM: v.object({ Config: v.array(v.object({ Gateway: v.optional(v.string(), "") })) }),
});
const ASK_TIMEOUT_MS = 5000;

/** What the engine on this node is. A node that once had one stays "detected" while it is away. */
export function createDockerHealth(engine: Engine, options: DockerOptions): () => Promise<DriverInfo> {
  let detected = false;
  let known = "";
  let [runtimes, bridge] = ["", ""];
  return async () => {
    try {
      const version = v.parse(
        VersionSchema,
        (await engine.call({ path: "/version", timeoutMs: ASK_TIMEOUT_MS })).value,
      );
      detected = true;
      if (known !== version.Version) {
        engine.useVersion(version.ApiVersion);
        const info = v.safeParse(InfoSchema, (await engine.call({ path: "/info", timeoutMs: ASK_TIMEOUT_MS })).value);
        runtimes = info.success ? Object.keys(info.output.Runtimes).sort().join(",") : "";
        bridge = await bridgeAddress(engine);
        known = version.Version;
      }
      return {
        Attributes: {
          "driver.docker": "1",
          "driver.docker.version": version.Version,
          "driver.docker.os_type": version.Os,
          ...(runtimes === "" ? {} : { "driver.docker.runtimes": runtimes }),
          ...(bridge === "" ? {} : { "driver.docker.bridge_ip": bridge }),
          ...(options.pidsLimit === undefined ? {} : { "driver.docker.pids.limit": String(options.pidsLimit) }),
          ...(options.allowPrivileged ? { "driver.docker.privileged.enabled": "true" } : {}),
          ...(options.volumesEnabled ? { "driver.docker.volumes.enabled": "true" } : {}),
        },
        Detected: true,
        Healthy: true,
        HealthDescription: "Healthy",
        UpdateTime: "",
      };
    } catch (thrown) {
      known = "";
      return {
        Attributes: {},
        Detected: detected,
        Healthy: false,
        HealthDescription: messageOf(thrown),
        UpdateTime: "",
      };
    }
  };
}

/** Empty: there is none. */
async function bridgeAddress(engine: Engine): Promise<string> {
  const found = v.safeParse(
    BridgeSchema,
    (await engine.call({ path: "/networks/bridge", timeoutMs: ASK_TIMEOUT_MS })).value,
  );
  const gateways = found.success ? found.output.IPAM.Config.map(({ Gateway }) => Gateway) : [];
  return gateways.find((address) => address !== "" && !address.includes(":")) ?? "";
}
