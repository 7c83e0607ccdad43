import type { Failure } from "#base/env/errors.ts";
import { checkConfig, readConfig } from "../config-shape.ts";
import type { ConfigShape } from "../config-shape.ts";

/** `plugin "docker" { config { … } }` (https://developer.hashicorp.com/nomad/docs/deploy/task-driver/docker#plugin-options). */
const SHAPE: ConfigShape = {
  endpoint: { kind: "text" },
  allow_privileged: { kind: "flag" },
  allow_caps: { kind: "texts" },
  volumes: { kind: "blocks" },
  gc: { kind: "blocks" },
  extra_labels: { kind: "texts" },
  auth: { kind: "blocks" },
  logging: { kind: "blocks" },
  image_pull_timeout: { kind: "duration" },
  pull_activity_timeout: { kind: "duration" },
  pids_limit: { kind: "number" },
  disable_log_collection: { kind: "flag" },
};

export interface DockerOptions {
  /** Empty: DOCKER_HOST's, or the usual socket. */
  readonly endpoint: string;
  readonly allowPrivileged: boolean;
  /** Lower case; `all` allows everything. */
  readonly allowCaps: readonly string[];
  readonly volumesEnabled: boolean;
  /** Remove a task's container when it ended. */
  readonly removeContainers: boolean;
  readonly pullTimeoutMs: number;
  /** A pull that says nothing for so long is given up. */
  readonly pullIdleMs: number;
  readonly pidsLimit: number | undefined;
  readonly collectLogs: boolean;
}

/** Docker's own default set without NET_RAW, with which a container could forge packets of its neighbours. */
const DEFAULT_CAPS: readonly string[] = [
  "audit_write",
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "mknod",
  "net_bind_service",
  "setfcap",
  "setgid",
  "setpcap",
  "setuid",
  "sys_chroot",
];

export function checkDockerOptions(config: Readonly<Record<string, unknown>>): readonly Failure[] {
  return checkConfig("docker plugin", SHAPE, config);
}

export function readDockerOptions(config: Readonly<Record<string, unknown>>): DockerOptions {
  const reader = readConfig(config);
  const block = (name: string): ReturnType<typeof readConfig> => readConfig(reader.blocks(name)[0] ?? {});
  const caps = reader.texts("allow_caps").map((cap) => cap.toLowerCase());
  return {
    endpoint: reader.text("endpoint"),
    allowPrivileged: reader.flag("allow_privileged", false),
    allowCaps: caps.length > 0 ? caps : DEFAULT_CAPS,
    volumesEnabled: block("volumes").flag("enabled", false),
    removeContainers: block("gc").flag("container", true),
    pullTimeoutMs: reader.durationMs("image_pull_timeout") ?? 300_000,
    pullIdleMs: reader.durationMs("pull_activity_timeout") ?? 120_000,
    pidsLimit: reader.number("pids_limit"),
    collectLogs: !reader.flag("disable_log_collection", false),
  };
}
