import { duration, flag, integer, text, textMap, texts, textsMap } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { connectBlock } from "./connect.ts";
import { checkRestart } from "./policies.ts";
import { finishRoutes, routeBlock } from "./route.ts";
import { identity } from "./task-parts.ts";

const check: BlockTable = {
  name: "check",
  attributes: {
    name: to("Name", text),
    type: to("Type", text),
    command: to("Command", text),
    args: to("Args", texts),
    path: to("Path", text),
    protocol: to("Protocol", text),
    port: to("PortLabel", text),
    expose: to("Expose", flag),
    address_mode: to("AddressMode", text),
    interval: to("Interval", duration),
    timeout: to("Timeout", duration),
    initial_status: to("InitialStatus", text),
    tls_server_name: to("TLSServerName", text),
    tls_skip_verify: to("TLSSkipVerify", flag),
    header: to("Header", textsMap),
    method: to("Method", text),
    body: to("Body", text),
    notes: to("Notes", text),
    grpc_service: to("GRPCService", text),
    grpc_use_tls: to("GRPCUseTLS", flag),
    task: to("TaskName", text),
    success_before_passing: to("SuccessBeforePassing", integer),
    failures_before_critical: to("FailuresBeforeCritical", integer),
    failures_before_warning: to("FailuresBeforeWarning", integer),
    on_update: to("OnUpdate", text),
  },
  blocks: { header: freeBlock("Header", textsMap), check_restart: nestedBlock("CheckRestart", checkRestart) },
};

const weights: BlockTable = {
  name: "weights",
  attributes: { passing: to("Passing", integer), warning: to("Warning", integer) },
  blocks: {},
};

const service: BlockTable = {
  name: "service",
  attributes: {
    name: to("Name", text),
    task: to("TaskName", text),
    port: to("PortLabel", text),
    address: to("Address", text),
    address_mode: to("AddressMode", text),
    enable_tag_override: to("EnableTagOverride", flag),
    tags: to("Tags", texts),
    canary_tags: to("CanaryTags", texts),
    meta: to("Meta", textMap),
    canary_meta: to("CanaryMeta", textMap),
    tagged_addresses: to("TaggedAddresses", textMap),
    on_update: to("OnUpdate", text),
    provider: to("Provider", text),
    cluster: to("Cluster", text),
    kind: to("Kind", text),
  },
  blocks: {
    check: nestedBlock("Checks", check, { many: "list" }),
    check_restart: nestedBlock("CheckRestart", checkRestart),
    ...connectBlock,
    identity: nestedBlock("Identity", identity),
    meta: freeBlock("Meta", textMap),
    canary_meta: freeBlock("CanaryMeta", textMap),
    tagged_addresses: freeBlock("TaggedAddresses", textMap),
    weights: nestedBlock("Weights", weights),
    route: routeBlock,
  },
  finish: finishRoutes,
};

export const services = { service: nestedBlock("Services", service, { many: "list" }) };
