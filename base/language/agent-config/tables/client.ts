import { durationMs, flag, number, text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { bytes, count, oneOrMore, percent, port, portRanges } from "../readers.ts";
import { serverJoin } from "./server.ts";

const hostVolume: BlockTable = {
  name: "host_volume",
  attributes: { path: to("path", text), read_only: to("readOnly", flag) },
  blocks: {},
};
const hostNetwork: BlockTable = {
  name: "host_network",
  attributes: {
    cidr: to("cidr", text),
    interface: to("interface", text),
    reserved_ports: to("reservedPorts", portRanges),
  },
  blocks: {},
};
const reserved: BlockTable = {
  name: "reserved",
  attributes: {
    cpu: to("cpu", count),
    cores: to("cores", text),
    memory: to("memory", count),
    disk: to("disk", count),
    reserved_ports: to("reservedPorts", portRanges),
  },
  blocks: {},
};
const templateWait: BlockTable = {
  name: "wait",
  attributes: { enabled: to("enabled", flag), min: to("minMs", durationMs), max: to("maxMs", durationMs) },
  blocks: {},
};
const templateRetry: BlockTable = {
  name: "retry",
  attributes: {
    attempts: to("attempts", count),
    backoff: to("backoffMs", durationMs),
    max_backoff: to("maxBackoffMs", durationMs),
  },
  blocks: {},
};
const template: BlockTable = {
  name: "template",
  attributes: {
    function_denylist: to("functionDenylist", texts),
    disable_file_sandbox: to("disableFileSandbox", flag),
    max_stale: to("maxStaleMs", durationMs),
    block_query_wait: to("blockQueryWaitMs", durationMs),
  },
  blocks: {
    wait: nestedBlock("wait", templateWait),
    wait_bounds: nestedBlock("waitBounds", { ...templateWait, name: "wait_bounds" }),
    consul_retry: nestedBlock("consulRetry", { ...templateRetry, name: "consul_retry" }),
    nomad_retry: nestedBlock("nomadRetry", { ...templateRetry, name: "nomad_retry" }),
    vault_retry: nestedBlock("vaultRetry", { ...templateRetry, name: "vault_retry" }),
  },
};
const artifact: BlockTable = {
  name: "artifact",
  attributes: {
    http_read_timeout: to("httpReadTimeoutMs", durationMs),
    http_max_size: to("httpMaxBytes", bytes),
    git_timeout: to("gitTimeoutMs", durationMs),
    disable_filesystem_isolation: to("disableFilesystemIsolation", flag),
    decompression_size_limit: to("decompressionBytes", bytes),
    decompression_file_count_limit: to("decompressionFiles", count),
    local_folders: to("localFolders", texts),
  },
  blocks: {},
};

export const client: BlockTable = {
  name: "client",
  attributes: {
    enabled: to("enabled", flag),
    alloc_dir: to("allocDir", text),
    alloc_mounts_dir: to("allocMountsDir", text),
    state_dir: to("stateDir", text),
    host_volumes_dir: to("hostVolumesDir", text),
    host_volume_plugin_dir: to("hostVolumePluginDir", text),
    node_class: to("nodeClass", text),
    node_pool: to("nodePool", text),
    servers: to("servers", oneOrMore),
    meta: to("meta", textMap),
    options: to("options", textMap),
    network_interface: to("networkInterface", text),
    network_speed: to("networkSpeed", count),
    cpu_total_compute: to("cpuTotalCompute", count),
    memory_total_mb: to("memoryTotalMb", count),
    disk_total_mb: to("diskTotalMb", count),
    disk_free_mb: to("diskFreeMb", count),
    min_dynamic_port: to("minDynamicPort", port),
    max_dynamic_port: to("maxDynamicPort", port),
    max_kill_timeout: to("maxKillTimeoutMs", durationMs),
    max_dynamic_host_volumes: to("maxDynamicHostVolumes", count),
    gc_interval: to("gcIntervalMs", durationMs),
    gc_disk_usage_threshold: to("gcDiskUsageThreshold", percent),
    gc_inode_usage_threshold: to("gcInodeUsageThreshold", percent),
    gc_max_allocs: to("gcMaxAllocs", count),
    gc_parallel_destroys: to("gcParallelDestroys", number),
    gc_volumes_on_node_gc: to("gcVolumesOnNodeGc", flag),
    no_host_uuid: to("noHostUuid", flag),
    cni_path: to("cniPath", text),
    cni_config_dir: to("cniConfigDir", text),
    bridge_network_name: to("bridgeNetworkName", text),
    bridge_network_subnet: to("bridgeNetworkSubnet", text),
    bridge_network_subnet_ipv6: to("bridgeNetworkSubnetIpv6", text),
    bridge_network_hairpin_mode: to("bridgeNetworkHairpinMode", flag),
    bridge_network_routed: to("bridgeNetworkRouted", flag),
    bind_wildcard_default_host_network: to("bindWildcardDefaultHostNetwork", flag),
    nomad_service_discovery: to("nomadServiceDiscovery", flag),
    preferred_address_family: to("preferredAddressFamily", text),
  },
  blocks: {
    ...serverJoin,
    meta: freeBlock("meta", textMap),
    chroot_env: freeBlock("chrootEnv", textMap),
    options: freeBlock("options", textMap),
    host_volume: nestedBlock("hostVolumes", hostVolume, { many: "list", label: "name" }),
    host_network: nestedBlock("hostNetworks", hostNetwork, { many: "list", label: "name" }),
    reserved: nestedBlock("reserved", reserved),
    template: nestedBlock("template", template),
    artifact: nestedBlock("artifact", artifact),
  },
  ignored: {
    drain_on_shutdown: "drain the node first: lares node drain -self -enable",
    cgroup_parent: "remove it",
    cpu_disable_dmidecode: "remove it",
    users: "remove it",
  },
};
