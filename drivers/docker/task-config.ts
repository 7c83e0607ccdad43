import { fail } from "#base/env/errors.ts";
import type { Failure } from "#base/env/errors.ts";
import { checkConfig, readConfig } from "../config-shape.ts";
import type { ConfigReader, ConfigShape } from "../config-shape.ts";
import type { DockerOptions } from "./plugin-options.ts";

/** https://developer.hashicorp.com/nomad/docs/job-declare/task-driver/docker */
const SHAPE: ConfigShape = {
  image: { kind: "text", required: true },
  args: { kind: "texts" },
  command: { kind: "text" },
  entrypoint: { kind: "texts" },
  ports: { kind: "texts" },
  port_map: { kind: "map" },
  network_mode: { kind: "text" },
  network_aliases: { kind: "texts" },
  labels: { kind: "map" },
  volumes: { kind: "texts" },
  volume_driver: { kind: "text" },
  mount: { kind: "blocks" },
  mounts: { kind: "blocks" },
  devices: { kind: "blocks" },
  cap_add: { kind: "texts" },
  cap_drop: { kind: "texts" },
  privileged: { kind: "flag" },
  readonly_rootfs: { kind: "flag" },
  work_dir: { kind: "text" },
  hostname: { kind: "text" },
  mac_address: { kind: "text" },
  dns_servers: { kind: "texts" },
  dns_search_domains: { kind: "texts" },
  dns_options: { kind: "texts" },
  extra_hosts: { kind: "texts" },
  ulimit: { kind: "map" },
  sysctl: { kind: "map" },
  shm_size: { kind: "number" },
  storage_opt: { kind: "map" },
  tty: { kind: "flag" },
  interactive: { kind: "flag" },
  init: { kind: "flag" },
  force_pull: { kind: "flag" },
  auth: { kind: "blocks" },
  auth_soft_fail: { kind: "flag" },
  load: { kind: "text" },
  healthchecks: { kind: "blocks" },
  ipv4_address: { kind: "text" },
  ipv6_address: { kind: "text" },
  advertise_ipv6_address: { kind: "flag" },
  image_pull_timeout: { kind: "duration" },
  memory_hard_limit: { kind: "number" },
  cpu_hard_limit: { kind: "flag" },
  cpu_cfs_period: { kind: "number" },
  cpuset_cpus: { kind: "text" },
  pids_limit: { kind: "number" },
  oom_score_adj: { kind: "number" },
  security_opt: { kind: "texts" },
  userns_mode: { kind: "text" },
  ipc_mode: { kind: "text" },
  pid_mode: { kind: "text" },
  uts_mode: { kind: "text" },
  cgroupns: { kind: "text" },
  group_add: { kind: "texts" },
  runtime: { kind: "text" },
  logging: { kind: "blocks" },
};

/** What is wrong with a task's config on this node, guards included. */
export function checkTaskConfig(config: Readonly<Record<string, unknown>>, options: DockerOptions): readonly Failure[] {
  const reader = readConfig(config);
  return [...checkConfig("docker", SHAPE, config), ...guardRights(reader, options), ...guardVolumes(reader, options)];
}

function guardRights(config: ConfigReader, options: DockerOptions): readonly Failure[] {
  const failures: Failure[] = [];
  if (config.flag("privileged", false) && !options.allowPrivileged) {
    failures.push(
      fail(
        "FORBIDDEN",
        "privileged containers are disabled on this node",
        'set allow_privileged = true in plugin "docker"',
      ).error,
    );
  }
  const runtime = config.text("runtime");
  if (runtime !== "" && !options.allowRuntimes.includes(runtime)) {
    const hint = `allowed: ${options.allowRuntimes.join(", ")} (allow_runtimes in plugin "docker")`;
    failures.push(fail("FORBIDDEN", `this node does not allow the runtime ${JSON.stringify(runtime)}`, hint).error);
  }
  const allowed = new Set(options.allowCaps);
  const refused = config.texts("cap_add").filter((cap) => !allowed.has("all") && !allowed.has(capName(cap)));
  if (refused.length > 0) {
    failures.push(
      fail(
        "FORBIDDEN",
        `cap_add asks for what this node does not allow: ${refused.join(", ")}`,
        `allowed: ${options.allowCaps.join(", ")} (allow_caps in plugin "docker")`,
      ).error,
    );
  }
  return failures;
}

function guardVolumes(config: ConfigReader, { volumesEnabled }: DockerOptions): readonly Failure[] {
  if (volumesEnabled) return [];
  const hint = 'set volumes { enabled = true } in plugin "docker", or use a path below the task\'s folder';
  const outside = config.texts("volumes").filter((volume) => !staysInside(volume.split(":")[0] ?? ""));
  const mounts = [...config.blocks("mount"), ...config.blocks("mounts")].flatMap((block) => {
    const mount = readConfig(block);
    const type = mount.text("type") || "volume";
    const source = mount.text("source");
    return type === "bind" && !staysInside(source) ? [source] : [];
  });
  return [...outside, ...mounts].map(
    (source) =>
      fail("FORBIDDEN", `volumes are not enabled on this node; cannot mount ${JSON.stringify(source)}`, hint).error,
  );
}

/** A path relative to the task's folder that does not climb out of it. */
function staysInside(source: string): boolean {
  if (source.startsWith("/") || (!source.includes("/") && !source.startsWith("."))) return false;
  let depth = 0;
  for (const part of source.split("/")) {
    if (part === "..") depth -= 1;
    else if (part !== "" && part !== ".") depth += 1;
    if (depth < 0) return false;
  }
  return true;
}

/** `CAP_NET_ADMIN`, `NET_ADMIN` and `net_admin` are one. */
export function capName(cap: string): string {
  return cap.toLowerCase().replace(/^cap_/, "");
}
