import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { ServerSettings } from "#daemons/scheduler/server/settings.ts";

/** The `server` block as the scheduler takes it. */
export function serverSettings({ server }: AgentConfig): ServerSettings {
  return {
    gcAges: {
      evalNs: server.evalGcThresholdMs * 1e6,
      batchEvalNs: server.batchEvalGcThresholdMs * 1e6,
      deploymentNs: server.deploymentGcThresholdMs * 1e6,
      jobNs: server.jobGcThresholdMs * 1e6,
      nodeNs: server.nodeGcThresholdMs * 1e6,
    },
    gcIntervalMs: server.jobGcIntervalMs,
    heartbeat: {
      minTtlMs: server.minHeartbeatTtlMs,
      maxPerSecond: server.maxHeartbeatsPerSecond,
      graceMs: server.heartbeatGraceMs,
      failoverTtlMs: server.failoverHeartbeatTtlMs,
    },
    trackedVersions: server.jobTrackedVersions,
  };
}
