import { durationMs, flag, number, text, texts } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { bytes, count, oneOf, oneOrMore, positive } from "../readers.ts";

const join: BlockTable = {
  name: "server_join",
  attributes: {
    retry_join: to("retryJoin", oneOrMore),
    start_join: to("startJoin", oneOrMore),
    retry_max: to("retryMax", count),
    retry_interval: to("retryIntervalMs", durationMs),
  },
  blocks: {},
};
export const serverJoin = { server_join: nestedBlock("serverJoin", join) };

const preemption: BlockTable = {
  name: "preemption_config",
  attributes: {
    system_scheduler_enabled: to("systemSchedulerEnabled", flag),
    sysbatch_scheduler_enabled: to("sysbatchSchedulerEnabled", flag),
    batch_scheduler_enabled: to("batchSchedulerEnabled", flag),
    service_scheduler_enabled: to("serviceSchedulerEnabled", flag),
  },
  blocks: {},
};

const scheduler: BlockTable = {
  name: "default_scheduler_config",
  attributes: {
    scheduler_algorithm: to("schedulerAlgorithm", oneOf(["binpack", "spread"])),
    memory_oversubscription_enabled: to("memoryOversubscriptionEnabled", flag),
    reject_job_registration: to("rejectJobRegistration", flag),
    pause_eval_broker: to("pauseEvalBroker", flag),
  },
  blocks: { preemption_config: nestedBlock("preemptionConfig", preemption) },
};

const search: BlockTable = {
  name: "search",
  attributes: {
    fuzzy_enabled: to("fuzzyEnabled", flag),
    limit_query: to("limitQuery", positive),
    limit_results: to("limitResults", positive),
    min_term_length: to("minTermLength", positive),
  },
  blocks: {},
};

const introduction: BlockTable = {
  name: "client_introduction",
  attributes: {
    enforcement: to("enforcement", oneOf(["none", "warn", "strict"])),
    default_identity_ttl: to("defaultIdentityTtlMs", durationMs),
    max_identity_ttl: to("maxIdentityTtlMs", durationMs),
  },
  blocks: {},
};

export const server: BlockTable = {
  name: "server",
  attributes: {
    enabled: to("enabled", flag),
    bootstrap_expect: to("bootstrapExpect", positive),
    num_schedulers: to("numSchedulers", count),
    enabled_schedulers: to("enabledSchedulers", texts),
    node_gc_threshold: to("nodeGcThresholdMs", durationMs),
    job_gc_threshold: to("jobGcThresholdMs", durationMs),
    job_gc_interval: to("jobGcIntervalMs", durationMs),
    eval_gc_threshold: to("evalGcThresholdMs", durationMs),
    batch_eval_gc_threshold: to("batchEvalGcThresholdMs", durationMs),
    deployment_gc_threshold: to("deploymentGcThresholdMs", durationMs),
    heartbeat_grace: to("heartbeatGraceMs", durationMs),
    min_heartbeat_ttl: to("minHeartbeatTtlMs", durationMs),
    max_heartbeats_per_second: to("maxHeartbeatsPerSecond", number),
    failover_heartbeat_ttl: to("failoverHeartbeatTtlMs", durationMs),
    job_default_priority: to("jobDefaultPriority", positive),
    job_max_priority: to("jobMaxPriority", positive),
    job_max_count: to("jobMaxCount", positive),
    job_tracked_versions: to("jobTrackedVersions", positive),
    job_max_source_size: to("jobMaxSourceSize", bytes),
    encrypt: to("encrypt", text),
    oidc_issuer: to("oidcIssuer", text),
    root_key_gc_interval: to("rootKeyGcIntervalMs", durationMs),
    root_key_gc_threshold: to("rootKeyGcThresholdMs", durationMs),
    root_key_rotation_threshold: to("rootKeyRotationThresholdMs", durationMs),
    snapshot_key: to("snapshotKey", text),
  },
  blocks: {
    ...serverJoin,
    search: nestedBlock("search", search),
    client_introduction: nestedBlock("clientIntroduction", introduction),
    default_scheduler_config: nestedBlock("defaultSchedulerConfig", scheduler),
  },
  ignored: {
    retry_join: "write: server_join { retry_join = [ … ] }",
    start_join: "write: server_join { start_join = [ … ] }",
    authoritative_region: "one cluster is one region here; remove it",
    raft_protocol: "state is kept by the store; remove it",
    raft_multiplier: "state is kept by the store; remove it",
    raft_boltdb: "state is kept by the store; remove it",
    non_voting_server: "it is not available; remove it",
    redundancy_zone: "it is not available; remove it",
  },
};
