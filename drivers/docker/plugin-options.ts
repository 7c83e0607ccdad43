import type { Failure } from "#base/env/errors.ts";
import { checkConfig, readConfig } from "../config-shape.ts";
import type { ConfigReader, ConfigShape } from "../config-shape.ts";
import type { EngineTlsFiles } from "./engine.ts";
import type { LoginSources } from "./images/credentials.ts";
import type { ImageGcOptions } from "./images/image-gc.ts";
import { readMirrors, type Mirrors } from "./images/mirrors.ts";

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
  infra_image: { kind: "text" },
  infra_image_pull_timeout: { kind: "duration" },
  disable_log_collection: { kind: "flag" },
  allow_runtimes: { kind: "texts" },
  oom_score_adj: { kind: "number" },
  container_exists_attempts: { kind: "number" },
  tls: { kind: "blocks" },
  registry_mirrors: { kind: "map" },
};
const BLOCKS: Readonly<Record<string, ConfigShape>> = {
  volumes: { enabled: { kind: "flag" }, selinuxlabel: { kind: "text" } },
  gc: {
    image: { kind: "flag" },
    image_delay: { kind: "duration" },
    container: { kind: "flag" },
    dangling_containers: { kind: "blocks" },
  },
  auth: { config: { kind: "text" }, helper: { kind: "text" } },
  logging: { type: { kind: "text" }, driver: { kind: "text" }, config: { kind: "map" } },
  tls: { cert: { kind: "text" }, key: { kind: "text" }, ca: { kind: "text" } },
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
  /** What becomes of containers of this agent whose tasks nobody knows. */
  readonly dangling: "remove" | "tell" | "leave";
  /** A pull that says nothing for so long is given up. */
  readonly pullIdleMs: number;
  readonly pidsLimit: number | undefined;
  readonly collectLogs: boolean;
  /** For the container that holds a group's network; empty: one of our own. */
  readonly infraImage: string;
  readonly infraPullTimeoutMs: number;
  /** That a task's `runtime` may name. */
  readonly allowRuntimes: readonly string[];
  /** Unless the task says. */
  readonly oomScoreAdj: number | undefined;
  /** How often a container that stands in the way of its own task's next attempt is removed. */
  readonly existsAttempts: number;
  /** Patterns of what containers are labelled with besides; `*` is any text. */
  readonly extraLabels: readonly string[];
  /** Of tasks that have no `logging` block. */
  readonly logging: Readonly<Record<string, unknown>> | undefined;
  /** `:z` or `:Z` on the allocation's own folders; empty: none. */
  readonly selinuxLabel: string;
  readonly imageGc: ImageGcOptions;
  readonly logins: LoginSources;
  readonly mirrors: Mirrors;
  /** Files in PEM, for an engine over TCP; undefined: without TLS. */
  readonly tls: EngineTlsFiles | undefined;
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
  const reader = readConfig(config);
  const inside = Object.entries(BLOCKS).flatMap(([name, shape]) =>
    reader.blocks(name).flatMap((block) => checkConfig(`docker plugin ${name}`, shape, block)),
  );
  return [...checkConfig("docker plugin", SHAPE, config), ...inside];
}

export function readDockerOptions(config: Readonly<Record<string, unknown>>): DockerOptions {
  const reader = readConfig(config);
  const block = (name: string): ReturnType<typeof readConfig> => readConfig(reader.blocks(name)[0] ?? {});
  const caps = reader.texts("allow_caps").map((cap) => cap.toLowerCase());
  const runtimes = reader.texts("allow_runtimes");
  const [gc, auth, tls, volumes] = [block("gc"), block("auth"), block("tls"), block("volumes")];
  const files = { cert: tls.text("cert"), key: tls.text("key"), ca: tls.text("ca") };
  return {
    endpoint: reader.text("endpoint"),
    allowPrivileged: reader.flag("allow_privileged", false),
    allowCaps: caps.length > 0 ? caps : DEFAULT_CAPS,
    allowRuntimes: runtimes.length > 0 ? runtimes : DEFAULT_RUNTIMES,
    volumesEnabled: volumes.flag("enabled", false),
    selinuxLabel: volumes.text("selinuxlabel"),
    removeContainers: gc.flag("container", true),
    dangling: danglingOf(readConfig(gc.blocks("dangling_containers")[0] ?? {})),
    imageGc: { isEnabled: gc.flag("image", true), delayMs: gc.durationMs("image_delay") ?? 180_000 },
    pullTimeoutMs: reader.durationMs("image_pull_timeout") ?? 300_000,
    pullIdleMs: reader.durationMs("pull_activity_timeout") ?? 120_000,
    pidsLimit: reader.number("pids_limit"),
    oomScoreAdj: reader.number("oom_score_adj"),
    existsAttempts: reader.number("container_exists_attempts") ?? 5,
    infraImage: reader.text("infra_image"),
    infraPullTimeoutMs: reader.durationMs("infra_image_pull_timeout") ?? 300_000,
    collectLogs: !reader.flag("disable_log_collection", false),
    extraLabels: reader.texts("extra_labels"),
    logging: reader.blocks("logging")[0],
    logins: { file: auth.text("config"), helper: auth.text("helper") },
    mirrors: readMirrors(reader.map("registry_mirrors")),
    tls: Object.values(files).some((file) => file !== "") ? files : undefined,
  };
}

function danglingOf(block: ConfigReader): DockerOptions["dangling"] {
  if (!block.flag("enabled", true)) return "leave";
  return block.flag("dry_run", false) ? "tell" : "remove";
}

const DEFAULT_RUNTIMES: readonly string[] = ["runc", "nvidia"];
