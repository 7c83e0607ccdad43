import { DEFAULT_HEARTBEAT, type HeartbeatSettings } from "./heartbeat.ts";

/** How long what is over stays readable, in nanoseconds. */
export interface GcAges {
  /** Of services and system jobs. */
  readonly evalNs: number;
  readonly batchEvalNs: number;
  readonly deploymentNs: number;
  readonly jobNs: number;
  readonly nodeNs: number;
}

const HOUR_NS = 3600e9;

/** https://developer.hashicorp.com/nomad/docs/configuration/server */
const DEFAULT_GC_AGES: GcAges = {
  evalNs: HOUR_NS,
  batchEvalNs: 24 * HOUR_NS,
  deploymentNs: HOUR_NS,
  jobNs: 4 * HOUR_NS,
  nodeNs: 24 * HOUR_NS,
};
/** What an operator may set. https://developer.hashicorp.com/nomad/docs/configuration/server */
export interface ServerSettings {
  readonly gcAges: GcAges;
  /** How often what is over is collected. */
  readonly gcIntervalMs: number;
  readonly heartbeat: HeartbeatSettings;
  /** Versions of a job that are kept; the oldest unstable go first. */
  readonly trackedVersions: number;
}

export const DEFAULT_SETTINGS: ServerSettings = {
  gcAges: DEFAULT_GC_AGES,
  gcIntervalMs: 300_000,
  heartbeat: DEFAULT_HEARTBEAT,
  trackedVersions: 6,
};
