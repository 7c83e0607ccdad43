import {
  AclBootstrapSchema,
  AclPolicySchema,
  AclRoleSchema,
  AclTokenSchema,
  AuthMethodSchema,
  BindingRuleSchema,
  OneTimeTokenSchema,
  type AclBootstrap,
  type AclPolicy,
  type AclRole,
  type AclToken,
  type AuthMethod,
  type BindingRule,
  type OneTimeToken,
} from "#base/protocol/acl.ts";
import { AlertLogSchema, AlertSchema, type Alert, type AlertLog } from "#base/protocol/alert.ts";
import { AllocReportSchema, AllocSchema, type Alloc, type AllocReport } from "#base/protocol/alloc.ts";
import { AutopilotConfigurationSchema, type AutopilotConfiguration } from "#base/protocol/autopilot.ts";
import { BackupSchema, type Backup } from "#base/protocol/backup.ts";
import {
  CatalogCheckSchema,
  CatalogNodeSchema,
  CatalogServiceSchema,
  type CatalogCheck,
  type CatalogNode,
  type CatalogService,
} from "#base/protocol/catalog.ts";
import {
  AdmissionSchema,
  AuthoritySchema,
  ClusterIdentitySchema,
  ClusterMemberSchema,
  JoinTokenSchema,
  type Admission,
  type Authority,
  type ClusterIdentity,
  type ClusterMember,
  type JoinToken,
} from "#base/protocol/cluster.ts";
import { DeploymentSchema, type Deployment } from "#base/protocol/deployment.ts";
import { EvaluationSchema, type Evaluation } from "#base/protocol/evaluation.ts";
import { HostVolumeSchema, VolumeClaimSchema, type HostVolume, type VolumeClaim } from "#base/protocol/host-volume.ts";
import { JobSubmissionSchema, type JobSubmission } from "#base/protocol/job-submission.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { RootKeySchema, type RootKey } from "#base/protocol/keyring.ts";
import { KvEntrySchema, SessionSchema, type KvEntry, type Session } from "#base/protocol/kv.ts";
import { StoredNamespaceSchema, type StoredNamespace } from "#base/protocol/namespace.ts";
import { NodePoolSchema, type NodePool } from "#base/protocol/node-pool.ts";
import { NodeSchema, NodeStateSchema, type Node, type NodeState } from "#base/protocol/node.ts";
import { PreparedQuerySchema, type PreparedQuery } from "#base/protocol/prepared-query.ts";
import { JobScalingSchema, type JobScaling } from "#base/protocol/scaling-event.ts";
import { SchedulerConfigurationSchema, type SchedulerConfiguration } from "#base/protocol/scheduler-configuration.ts";
import { ServerSchema, type Server } from "#base/protocol/server.ts";
import { ServiceRemovalSchema, type ServiceRemoval } from "#base/protocol/service-removal.ts";
import { StoredVariableSchema, type StoredVariable } from "#base/protocol/variable.ts";
import { shareAlloc, shareReport } from "./alike.ts";
export { rollouts } from "./rollouts-table.ts";
export { shapes } from "./shapes/shapes-table.ts";
import { defineTable } from "./table.ts";

/** The newest specification of each job. id: job id. */
export const jobs = defineTable<Job>({ name: "jobs", schemaVersion: 1, schema: JobSchema, indexes: {} });

/** Every kept version. id: `<job id>/<version, 10 digits>`. */
export const jobVersions = defineTable<Job>({
  name: "job-versions",
  schemaVersion: 1,
  schema: JobSchema,
  indexes: { job: (job) => [`${job.Namespace}/${job.ID}`] },
});

/** The text each kept version was submitted as. id: as in {@link jobVersions}. */
export const jobSubmissions = defineTable<JobSubmission>({
  name: "job-submissions",
  schemaVersion: 1,
  schema: JobSubmissionSchema,
  indexes: {},
});

/** One row, id `current`. */
export const schedulerConfigurations = defineTable<SchedulerConfiguration>({
  name: "scheduler-configuration",
  schemaVersion: 1,
  schema: SchedulerConfigurationSchema,
  indexes: {},
});

/** The servers of the cluster. id: that of its node. */
export const servers = defineTable<Server>({ name: "servers", schemaVersion: 1, schema: ServerSchema, indexes: {} });

/** How servers are looked after. One row, id `current`. */
export const autopilotConfigurations = defineTable<AutopilotConfiguration>({
  name: "autopilot-configuration",
  schemaVersion: 1,
  schema: AutopilotConfigurationSchema,
  indexes: {},
});

/** Taken out of the built-in services by hand. id: service id. */
export const serviceRemovals = defineTable<ServiceRemoval>({
  name: "service-removals",
  schemaVersion: 1,
  schema: ServiceRemovalSchema,
  indexes: { alloc: (removal) => [removal.AllocID] },
});

/** Why counts were changed. id: job id. */
export const jobScalings = defineTable<JobScaling>({
  name: "job-scalings",
  schemaVersion: 1,
  schema: JobScalingSchema,
  indexes: {},
});

/** id: name. `default` is there without a row. */
export const namespaces = defineTable<StoredNamespace>({
  name: "namespaces",
  schemaVersion: 1,
  schema: StoredNamespaceSchema,
  indexes: {},
});

/** What users keep under a path, encrypted. id: the path, slashes and all. */
export const variables = defineTable<StoredVariable>({
  name: "variables",
  schemaVersion: 1,
  schema: StoredVariableSchema,
  indexes: { locked: (variable) => (variable.Lock === null ? [] : ["yes"]) },
});

/** id: name. `default` and `all` are there without a row. */
export const nodePools = defineTable<NodePool>({
  name: "node-pools",
  schemaVersion: 1,
  schema: NodePoolSchema,
  indexes: {},
});

/** id: evaluation id. */
export const evals = defineTable<Evaluation>({
  name: "evals",
  schemaVersion: 1,
  schema: EvaluationSchema,
  indexes: {
    job: (evaluation) => [`${evaluation.Namespace}/${evaluation.JobID}`],
    status: (evaluation) => [evaluation.Status],
  },
});

/** What is wanted; written by the plan applier. id: alloc id. */
export const allocs = defineTable<Alloc>({
  name: "allocs",
  schemaVersion: 2,
  schema: AllocSchema,
  indexes: {
    job: (alloc) => [`${alloc.Namespace}/${alloc.JobID}`],
    node: (alloc) => [alloc.NodeID],
    eval: (alloc) => [alloc.EvalID],
    deployment: (alloc) => (alloc.DeploymentID === "" ? [] : [alloc.DeploymentID]),
  },
  share: shareAlloc,
  handedOver: true,
  idIn: ({ ID }) => ID,
});

/** What the node's client reports. id: alloc id. */
export const allocReports = defineTable<AllocReport>({
  name: "alloc-reports",
  schemaVersion: 2,
  schema: AllocReportSchema,
  indexes: {},
  share: shareReport,
  handedOver: true,
  idIn: ({ AllocID }) => AllocID,
});

/** What a node says of itself. id: node id. */
export const nodes = defineTable<Node>({
  name: "nodes",
  schemaVersion: 1,
  schema: NodeSchema,
  indexes: { secret: (node) => (node.SecretID === "" ? [] : [node.SecretID]) },
});

/** What the servers know of it. id: node id. */
export const nodeStates = defineTable<NodeState>({
  name: "node-states",
  schemaVersion: 2,
  schema: NodeStateSchema,
  indexes: {},
});

/** Volumes on nodes that were asked for through the API. id: volume id. */
export const hostVolumes = defineTable<HostVolume>({
  name: "host-volumes",
  schemaVersion: 1,
  schema: HostVolumeSchema,
  indexes: { node: (volume) => [volume.NodeID] },
});

/** id: claim id. */
export const volumeClaims = defineTable<VolumeClaim>({
  name: "volume-claims",
  schemaVersion: 1,
  schema: VolumeClaimSchema,
  indexes: { job: (claim) => [`${claim.Namespace}/${claim.JobID}`], volume: (claim) => [claim.VolumeID] },
});

/** id: deployment id. */
export const deployments = defineTable<Deployment>({
  name: "deployments",
  schemaVersion: 1,
  schema: DeploymentSchema,
  indexes: { job: (deployment) => [`${deployment.Namespace}/${deployment.JobID}`] },
});

/** id: node name. */
export const catalogNodes = defineTable<CatalogNode>({
  name: "catalog-nodes",
  schemaVersion: 1,
  schema: CatalogNodeSchema,
  indexes: { dns: (node) => [node.Node.toLowerCase()], address: (node) => [node.Address] },
});

/** id: `<node name>/<service id>`. */
export const catalogServices = defineTable<CatalogService>({
  name: "catalog-services",
  schemaVersion: 1,
  schema: CatalogServiceSchema,
  indexes: {
    service: (service) => [service.Service],
    node: (service) => [service.Node],
    dns: (service) => [service.Service.toLowerCase()],
    address: (service) => (service.Address === "" ? [] : [service.Address]),
  },
});

/** id: `<node name>/<check id>`. */
export const catalogChecks = defineTable<CatalogCheck>({
  name: "catalog-checks",
  schemaVersion: 1,
  schema: CatalogCheckSchema,
  indexes: {
    node: (check) => [check.Node],
    service: (check) => (check.ServiceName === "" ? [] : [check.ServiceName]),
    instance: (check) => [`${check.Node}/${check.ServiceID}`],
    status: (check) => [check.Status],
  },
});

/** Consul's key-value store. id: the key, slashes and all. */
export const kv = defineTable<KvEntry>({
  name: "kv",
  schemaVersion: 1,
  schema: KvEntrySchema,
  indexes: { session: (entry) => (entry.Session === "" ? [] : [entry.Session]) },
});

/** Locks' owners. id: session id. */
export const sessions = defineTable<Session>({
  name: "sessions",
  schemaVersion: 1,
  schema: SessionSchema,
  indexes: { node: (session) => [session.Node] },
});

/** Questions to the catalog that are kept under a name. id: query id. */
export const preparedQueries = defineTable<PreparedQuery>({
  name: "prepared-queries",
  schemaVersion: 1,
  schema: PreparedQuerySchema,
  indexes: {
    name: (query) => (query.Name === "" ? [] : [query.Name.toLowerCase()]),
    template: (query) => (query.Template.Type === "" ? [] : ["yes"]),
    session: (query) => (query.Session === "" ? [] : [query.Session]),
  },
});

/** What was told of checks. id: `<rule>/<node>/<check id>`. */
export const alerts = defineTable<Alert>({ name: "alerts", schemaVersion: 1, schema: AlertSchema, indexes: {} });

/** What was sent. id: time and a random part. */
export const alertLogs = defineTable<AlertLog>({
  name: "alert-log",
  schemaVersion: 1,
  schema: AlertLogSchema,
  indexes: {},
});

/** What secrets are encrypted and identities signed with. id: key id. */
export const rootKeys = defineTable<RootKey>({
  name: "root-keys",
  schemaVersion: 1,
  schema: RootKeySchema,
  indexes: { state: (key) => [key.State] },
});

/** id: name. */
export const aclPolicies = defineTable<AclPolicy>({
  name: "acl-policies",
  schemaVersion: 1,
  schema: AclPolicySchema,
  indexes: { job: ({ JobACL }) => (JobACL === null ? [] : [JobACL.Namespace]) },
});

/** id: accessor id. */
export const aclTokens = defineTable<AclToken>({
  name: "acl-tokens",
  schemaVersion: 1,
  schema: AclTokenSchema,
  indexes: { secret: (token) => [token.SecretHash] },
});

/** id: role id. */
export const aclRoles = defineTable<AclRole>({
  name: "acl-roles",
  schemaVersion: 1,
  schema: AclRoleSchema,
  indexes: { name: (role) => [role.Name] },
});

/** id: hash of the secret. */
export const oneTimeTokens = defineTable<OneTimeToken>({
  name: "acl-one-time-tokens",
  schemaVersion: 1,
  schema: OneTimeTokenSchema,
  indexes: {},
});

/** One row, id `bootstrap`: it was done. */
export const aclBootstraps = defineTable<AclBootstrap>({
  name: "acl-bootstrap",
  schemaVersion: 1,
  schema: AclBootstrapSchema,
  indexes: {},
});

/** id: name. */
export const authMethods = defineTable<AuthMethod>({
  name: "acl-auth-methods",
  schemaVersion: 1,
  schema: AuthMethodSchema,
  indexes: {},
});

/** id: rule id. */
export const bindingRules = defineTable<BindingRule>({
  name: "acl-binding-rules",
  schemaVersion: 1,
  schema: BindingRuleSchema,
  indexes: { method: (rule) => [rule.AuthMethod] },
});

/** Which cluster this is. One row, id `current`. */
export const clusterIdentities = defineTable<ClusterIdentity>({
  name: "cluster-identity",
  schemaVersion: 1,
  schema: ClusterIdentitySchema,
  indexes: {},
});

/** Who signs the certificates of nodes. id: its own. */
export const authorities = defineTable<Authority>({
  name: "authorities",
  schemaVersion: 1,
  schema: AuthoritySchema,
  indexes: {},
});

/** id: its own. */
export const joinTokens = defineTable<JoinToken>({
  name: "join-tokens",
  schemaVersion: 1,
  schema: JoinTokenSchema,
  indexes: {},
});

/** Nodes that ask to be let in. id: node id. */
export const admissions = defineTable<Admission>({
  name: "admissions",
  schemaVersion: 1,
  schema: AdmissionSchema,
  indexes: {},
});

/** Nodes with a certificate. id: node id. */
export const clusterMembers = defineTable<ClusterMember>({
  name: "cluster-members",
  schemaVersion: 1,
  schema: ClusterMemberSchema,
  indexes: {},
});

/** How backups stand. id: name of the target. */
export const backups = defineTable<Backup>({ name: "backups", schemaVersion: 1, schema: BackupSchema, indexes: {} });
