/**
 * What policies may grant. https://developer.hashicorp.com/nomad/docs/other-specifications/acl-policy ; the rules of keys,
 * services, nodes and sessions by name are a part of https://developer.hashicorp.com/consul/docs/secure/acl/rule
 */
export type PolicyWord = "deny" | "list" | "read" | "write" | "scale";

/** A resource: the short words for its capabilities, and what a capability brings along. */
export interface Vocabulary {
  readonly policies: Readonly<Partial<Record<PolicyWord, readonly string[]>>>;
  /** Capabilities that may be listed one by one, `deny` apart, with those each includes. */
  readonly capabilities: Readonly<Record<string, readonly string[]>>;
}

export const DENY = "deny";
/** Nobody can write it in a policy: comes with `read-job`, and workloads have it. */
export const READ_SERVICE = "read-service";

const READ_JOBS = ["list-jobs", "parse-job", "read-job", "csi-list-volume", "csi-read-volume", "host-volume-read"];
const READ_SCALING = ["list-scaling-policies", "read-scaling-policy", "read-job-scaling"];
/** What submitting jobs consists of, to be granted one by one. */
const SUBMIT_JOB = [
  "register-job",
  "plan-job",
  "evaluate-job",
  "revert-job",
  "stable-job",
  "deregister-job",
  "purge-job",
  "force-periodic-job",
  "fail-deployment",
  "pause-deployment",
  "promote-deployment",
  "set-alloc-health-deployment",
  "unblock-deployment",
];

const namespace: Vocabulary = {
  policies: {
    read: [...READ_JOBS, ...READ_SCALING],
    write: [
      ...READ_JOBS,
      ...READ_SCALING,
      "submit-job",
      "dispatch-job",
      "read-logs",
      "read-fs",
      "alloc-exec",
      "alloc-lifecycle",
      "csi-write-volume",
      "csi-mount-volume",
      "host-volume-write",
      "scale-job",
      "submit-recommendation",
    ],
    scale: [...READ_SCALING, "scale-job", "read-job", "submit-recommendation"],
  },
  capabilities: {
    "list-jobs": ["csi-list-volume"],
    "parse-job": [],
    "read-job": ["csi-read-volume", READ_SERVICE],
    "submit-job": [...SUBMIT_JOB],
    ...Object.fromEntries(SUBMIT_JOB.map((capability) => [capability, []])),
    "purge-job": ["deregister-job"],
    "dispatch-job": ["force-periodic-job"],
    "read-logs": [],
    "read-fs": ["read-logs"],
    "alloc-exec": [],
    "alloc-node-exec": [],
    "alloc-lifecycle": [],
    "csi-register-plugin": [],
    "csi-write-volume": ["csi-read-volume"],
    "csi-read-volume": ["csi-list-volume"],
    "csi-list-volume": [],
    "csi-mount-volume": ["csi-read-volume"],
    "host-volume-create": ["host-volume-read"],
    "host-volume-delete": [],
    "host-volume-read": [],
    "host-volume-register": ["host-volume-read", "host-volume-create"],
    "host-volume-write": ["host-volume-register", "host-volume-delete"],
    "list-scaling-policies": [],
    "read-scaling-policy": [],
    "read-job-scaling": [],
    "scale-job": [],
    "sentinel-override": [],
    "submit-recommendation": [],
  },
};

const variables: Vocabulary = {
  policies: {},
  capabilities: { write: ["list"], read: ["list"], list: [], destroy: [] },
};

const hostVolume: Vocabulary = {
  policies: { read: ["mount-readonly"], write: ["mount-readonly", "mount-readwrite"] },
  capabilities: { "mount-readonly": [], "mount-readwrite": ["mount-readonly"] },
};

const nodePool: Vocabulary = {
  policies: { read: ["read"], write: ["delete", "read", "write"] },
  capabilities: { delete: [], read: [], write: [] },
};

const readOrWrite: Vocabulary = {
  policies: { read: ["read"], write: ["read", "write"] },
  capabilities: { read: [], write: ["read"] },
};
const operator: Vocabulary = {
  policies: { read: ["read", "license-read"], write: ["write"] },
  capabilities: {
    read: [],
    write: ["read", "snapshot-save", "keyring-rotate", "license-read"],
    "snapshot-save": [],
    "keyring-rotate": [],
    "license-read": [],
  },
};
const listToo: Vocabulary = {
  policies: { list: ["list"], read: ["list", "read"], write: ["list", "read", "write"] },
  capabilities: { list: [], read: ["list"], write: ["read"] },
};

/** Every resource, as access rules of routes name them. */
export const RESOURCES = {
  namespace,
  variables,
  "host-volume": hostVolume,
  "node-pool": nodePool,
  node: readOrWrite,
  agent: readOrWrite,
  operator,
  quota: readOrWrite,
  plugin: listToo,
  key: listToo,
  service: readOrWrite,
  "node-name": readOrWrite,
  session: readOrWrite,
  event: readOrWrite,
  query: readOrWrite,
  /** Consul's words for what it keeps apart from `operator`. */
  keyring: readOrWrite,
  acl: readOrWrite,
  mesh: readOrWrite,
  peering: readOrWrite,
} satisfies Readonly<Record<string, Vocabulary>>;
export type ResourceName = keyof typeof RESOURCES;

/** The capabilities that these words grant, with all they include; {@link DENY} alone when it is among them. */
export function expand(resource: ResourceName, policy: string, capabilities: readonly string[]): ReadonlySet<string> {
  const { policies, capabilities: known }: Vocabulary = RESOURCES[resource];
  if (policy === DENY || capabilities.includes(DENY)) return new Set([DENY]);
  const short = Object.entries(policies).find(([word]) => word === policy)?.[1] ?? [];
  const found = new Set<string>();
  const open = [...short, ...capabilities];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(known[next] ?? []));
  }
  return found;
}
