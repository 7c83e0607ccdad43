import * as v from "valibot";
import { messageOf } from "#base/env/errors.ts";
import type { DriverInfo } from "#base/protocol/node.ts";
import type { Engine } from "./engine.ts";
import type { DockerOptions } from "./plugin-options.ts";

const VersionSchema = v.object({ Version: v.string(), ApiVersion: v.string(), Os: v.nullish(v.string(), "linux") });
const InfoSchema = v.object({ Runtimes: v.nullish(v.record(v.string(), v.unknown()), () => ({})) });
const ASK_TIMEOUT_MS = 5000;

/** What the engine on this node is. A node that once had one stays "detected" while it is away. */
export function createDockerHealth(engine: Engine, options: DockerOptions): () => Promise<DriverInfo> {
  let detected = false;
  let known = "";
  let runtimes = "";
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
        known = version.Version;
      }
      return {
        Attributes: {
          "driver.docker": "1",
          "driver.docker.version": version.Version,
          "driver.docker.os_type": version.Os,
          ...(runtimes === "" ? {} : { "driver.docker.runtimes": runtimes }),
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
