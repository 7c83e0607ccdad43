import * as v from "valibot";
import { anyMap, block, flag, list, nanoseconds, optionalInteger, text, textMap, texts } from "./schema.ts";
import {
  AffinitySchema,
  ConstraintSchema,
  LifecycleSchema,
  LogConfigSchema,
  RestartPolicySchema,
  ScalingPolicySchema,
  WaitSchema,
} from "./policies.ts";
import { ResourcesSchema } from "./resources.ts";
import { ServiceSchema } from "./service.ts";
import { IdentitySchema } from "./identity.ts";

export const TemplateSchema = v.object({
  SourcePath: text,
  DestPath: text,
  EmbeddedTmpl: text,
  ChangeMode: v.nullish(v.string(), "restart"),
  ChangeSignal: text,
  ChangeScript: v.nullish(
    v.object({ Command: text, Args: texts, Timeout: v.nullish(v.number(), 5e9), FailOnError: flag }),
    null,
  ),
  Splay: v.nullish(v.number(), 5e9),
  Perms: v.nullish(v.string(), "0644"),
  Uid: optionalInteger,
  Gid: optionalInteger,
  LeftDelim: v.nullish(v.string(), "{{"),
  RightDelim: v.nullish(v.string(), "}}"),
  Envvars: flag,
  Once: flag,
  VaultGrace: nanoseconds,
  Wait: block(WaitSchema),
  ErrMissingKey: flag,
});
export type Template = v.InferOutput<typeof TemplateSchema>;

export const ArtifactSchema = v.object({
  GetterSource: text,
  GetterOptions: textMap,
  GetterHeaders: textMap,
  GetterMode: v.nullish(v.string(), "any"),
  GetterInsecure: flag,
  /** Empty: `local/`, or for a single file `local/NAME`. */
  RelativeDest: text,
  Chown: flag,
});
export type Artifact = v.InferOutput<typeof ArtifactSchema>;

export const VolumeMountSchema = v.object({
  Volume: text,
  Destination: text,
  ReadOnly: flag,
  PropagationMode: v.nullish(v.string(), "private"),
  SELinuxLabel: text,
});
export type VolumeMount = v.InferOutput<typeof VolumeMountSchema>;

export const VaultSchema = v.object({
  Policies: texts,
  Role: text,
  Namespace: text,
  Cluster: v.nullish(v.string(), "default"),
  Env: v.nullish(v.boolean(), true),
  DisableFile: flag,
  ChangeMode: v.nullish(v.string(), "restart"),
  ChangeSignal: text,
  AllowTokenExpiration: flag,
});

export const ConsulSchema = v.object({ Namespace: text, Cluster: v.nullish(v.string(), "default"), Partition: text });

/** https://developer.hashicorp.com/nomad/docs/job-specification/secret */
export const SecretSchema = v.object({ Name: text, Provider: text, Path: text, Config: anyMap, Env: textMap });

export const CsiPluginSchema = v.object({
  ID: text,
  Type: text,
  MountDir: text,
  StagePublishBaseDir: v.nullish(v.string(), "/local/csi"),
  HealthTimeout: v.nullish(v.number(), 30e9),
});

export const ScheduleSchema = v.object({ Cron: block(v.object({ Start: text, End: text, Timezone: text })) });

/** https://developer.hashicorp.com/nomad/docs/job-specification/task ; `Config` belongs to the driver, which checks it. */
export const TaskSchema = v.object({
  Name: text,
  Driver: text,
  User: text,
  Config: anyMap,
  Env: textMap,
  Meta: textMap,
  Constraints: list(ConstraintSchema),
  Affinities: list(AffinitySchema),
  Services: list(ServiceSchema),
  Resources: v.nullish(ResourcesSchema, () => v.parse(ResourcesSchema, {})),
  RestartPolicy: block(RestartPolicySchema),
  Lifecycle: block(LifecycleSchema),
  LogConfig: v.nullish(LogConfigSchema, () => v.parse(LogConfigSchema, {})),
  Artifacts: list(ArtifactSchema),
  Templates: list(TemplateSchema),
  DispatchPayload: block(v.object({ File: text })),
  VolumeMounts: list(VolumeMountSchema),
  Identity: block(IdentitySchema),
  Identities: list(IdentitySchema),
  Vault: block(VaultSchema),
  Consul: block(ConsulSchema),
  Actions: list(v.object({ Name: text, Command: text, Args: texts })),
  ScalingPolicies: list(ScalingPolicySchema),
  KillTimeout: optionalInteger,
  KillSignal: text,
  ShutdownDelay: nanoseconds,
  Leader: flag,
  Kind: text,
  CSIPluginConfig: block(CsiPluginSchema),
  Secrets: list(SecretSchema),
  Schedule: block(ScheduleSchema),
});
export type Task = v.InferOutput<typeof TaskSchema>;

export const VolumeRequestSchema = v.object({
  Name: text,
  Type: text,
  Source: text,
  ReadOnly: flag,
  Sticky: flag,
  AccessMode: text,
  AttachmentMode: text,
  PerAlloc: flag,
  MountOptions: v.nullish(v.object({ FSType: text, MountFlags: texts }), null),
});
export type VolumeRequest = v.InferOutput<typeof VolumeRequestSchema>;
