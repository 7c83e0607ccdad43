import { anything, duration, flag, integer, object, text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable, type Fields } from "#base/language/hcl/decode/table.ts";
import { logs } from "./policies.ts";
import { resources, volumeMount } from "./task-parts.ts";

/** https://developer.hashicorp.com/nomad/docs/job-specification/connect and the pages of its blocks */
const meshGateway: BlockTable = { name: "mesh_gateway", attributes: { mode: to("Mode", text) }, blocks: {} };

const upstreams: BlockTable = {
  name: "upstreams",
  attributes: {
    destination_name: to("DestinationName", text),
    destination_namespace: to("DestinationNamespace", text),
    destination_peer: to("DestinationPeer", text),
    destination_partition: to("DestinationPartition", text),
    destination_type: to("DestinationType", text),
    datacenter: to("Datacenter", text),
    local_bind_address: to("LocalBindAddress", text),
    local_bind_port: to("LocalBindPort", integer),
    local_bind_socket_path: to("LocalBindSocketPath", text),
    local_bind_socket_mode: to("LocalBindSocketMode", text),
  },
  blocks: { mesh_gateway: nestedBlock("MeshGateway", meshGateway), config: freeBlock("Config", anything) },
};

const exposePath: BlockTable = {
  name: "path",
  attributes: {
    path: to("Path", text),
    protocol: to("Protocol", text),
    local_path_port: to("LocalPathPort", integer),
    listener_port: to("ListenerPort", text),
  },
  blocks: {},
};
const expose: BlockTable = {
  name: "expose",
  attributes: {},
  blocks: { path: nestedBlock("Paths", exposePath, { many: "list" }) },
};

const transparentProxy: BlockTable = {
  name: "transparent_proxy",
  attributes: {
    uid: to("UID", text),
    outbound_port: to("OutboundPort", integer),
    exclude_inbound_ports: to("ExcludeInboundPorts", texts),
    exclude_outbound_ports: to("ExcludeOutboundPorts", anything),
    exclude_outbound_cidrs: to("ExcludeOutboundCIDRs", texts),
    exclude_uids: to("ExcludeUIDs", texts),
    no_dns: to("NoDNS", flag),
  },
  blocks: {},
};

const proxy: BlockTable = {
  name: "proxy",
  attributes: {
    local_service_address: to("LocalServiceAddress", text),
    local_service_port: to("LocalServicePort", integer),
    config: to("Config", object),
  },
  blocks: {
    upstreams: nestedBlock("Upstreams", upstreams, { many: "list" }),
    expose: nestedBlock("Expose", expose),
    transparent_proxy: nestedBlock("TransparentProxy", transparentProxy),
    config: freeBlock("Config", anything),
  },
};

const sidecarService: BlockTable = {
  name: "sidecar_service",
  attributes: {
    tags: to("Tags", texts),
    port: to("Port", text),
    disable_default_tcp_check: to("DisableDefaultTCPCheck", flag),
    meta: to("Meta", textMap),
  },
  blocks: { proxy: nestedBlock("Proxy", proxy), meta: freeBlock("Meta", textMap) },
};

const sidecarTask: BlockTable = {
  name: "sidecar_task",
  attributes: {
    name: to("Name", text),
    driver: to("Driver", text),
    user: to("User", text),
    kill_timeout: to("KillTimeout", duration),
    kill_signal: to("KillSignal", text),
    shutdown_delay: to("ShutdownDelay", duration),
    config: to("Config", object),
    env: to("Env", textMap),
    meta: to("Meta", textMap),
  },
  blocks: {
    config: freeBlock("Config", anything),
    env: freeBlock("Env", textMap),
    meta: freeBlock("Meta", textMap),
    resources: nestedBlock("Resources", resources),
    logs: nestedBlock("LogConfig", logs),
    volume_mount: nestedBlock("VolumeMounts", volumeMount, { many: "list" }),
  },
};

const bindAddress: BlockTable = {
  name: "envoy_gateway_bind_addresses",
  attributes: { address: to("Address", text), port: to("Port", integer) },
  blocks: {},
};
const gatewayProxy: BlockTable = {
  name: "proxy",
  attributes: {
    connect_timeout: to("ConnectTimeout", duration),
    envoy_gateway_bind_tagged_addresses: to("EnvoyGatewayBindTaggedAddresses", flag),
    envoy_gateway_no_default_bind: to("EnvoyGatewayNoDefaultBind", flag),
    envoy_dns_discovery_type: to("EnvoyDNSDiscoveryType", text),
    config: to("Config", object),
  },
  blocks: {
    envoy_gateway_bind_addresses: nestedBlock("EnvoyGatewayBindAddresses", bindAddress, { many: "map", label: "Name" }),
    config: freeBlock("Config", anything),
  },
};

const sds: BlockTable = {
  name: "sds",
  attributes: { cluster_name: to("ClusterName", text), cert_resource: to("CertResource", text) },
  blocks: {},
};
const tls: BlockTable = {
  name: "tls",
  attributes: {
    enabled: to("Enabled", flag),
    tls_min_version: to("TLSMinVersion", text),
    tls_max_version: to("TLSMaxVersion", text),
    cipher_suites: to("CipherSuites", texts),
  },
  blocks: { sds: nestedBlock("SDS", sds) },
};
const headers: BlockTable = {
  name: "headers",
  attributes: { add: to("Add", textMap), set: to("Set", textMap), remove: to("Remove", texts) },
  blocks: { add: freeBlock("Add", textMap), set: freeBlock("Set", textMap) },
};
const ingressService: BlockTable = {
  name: "service",
  attributes: {
    name: to("Name", text),
    hosts: to("Hosts", texts),
    max_connections: to("MaxConnections", integer),
    max_pending_requests: to("MaxPendingRequests", integer),
    max_concurrent_requests: to("MaxConcurrentRequests", integer),
  },
  blocks: {
    tls: nestedBlock("TLS", tls),
    request_headers: nestedBlock("RequestHeaders", headers),
    response_headers: nestedBlock("ResponseHeaders", headers),
  },
};
const listener: BlockTable = {
  name: "listener",
  attributes: { port: to("Port", integer), protocol: to("Protocol", text) },
  blocks: { service: nestedBlock("Services", ingressService, { many: "list" }) },
};
const ingress: BlockTable = {
  name: "ingress",
  attributes: {},
  blocks: { tls: nestedBlock("TLS", tls), listener: nestedBlock("Listeners", listener, { many: "list" }) },
};
const linkedService: BlockTable = {
  name: "service",
  attributes: {
    name: to("Name", text),
    ca_file: to("CAFile", text),
    cert_file: to("CertFile", text),
    key_file: to("KeyFile", text),
    sni: to("SNI", text),
  },
  blocks: {},
};
const terminating: BlockTable = {
  name: "terminating",
  attributes: {},
  blocks: { service: nestedBlock("Services", linkedService, { many: "list" }) },
};
const gateway: BlockTable = {
  name: "gateway",
  attributes: {},
  blocks: {
    proxy: nestedBlock("Proxy", gatewayProxy),
    ingress: nestedBlock("Ingress", ingress),
    terminating: nestedBlock("Terminating", terminating),
    mesh: nestedBlock("Mesh", { name: "mesh", attributes: {}, blocks: {} }),
  },
};

const connect: BlockTable = {
  name: "connect",
  attributes: { native: to("Native", flag) },
  blocks: {
    sidecar_service: nestedBlock("SidecarService", sidecarService),
    sidecar_task: nestedBlock("SidecarTask", sidecarTask),
    gateway: nestedBlock("Gateway", gateway),
  },
  finish: (fields: Fields): Fields => ({ Native: false, ...fields }),
};

export const connectBlock = { connect: nestedBlock("Connect", connect) };
