import * as v from "valibot";
import { block, flag, integer, list, nanoseconds, optionalInteger, text, textMap, texts } from "./schema.ts";
import { IdentitySchema } from "./identity.ts";
import { CheckRestartSchema } from "./policies.ts";

/** A job's `check` block. Durations in nanoseconds. https://developer.hashicorp.com/nomad/docs/job-specification/check */
export const ServiceCheckSchema = v.object({
  Name: text,
  /** `http`, `tcp`, `grpc` or `script`. */
  Type: text,
  Command: text,
  Args: texts,
  Path: text,
  Protocol: text,
  PortLabel: text,
  Expose: flag,
  AddressMode: text,
  Interval: nanoseconds,
  Timeout: nanoseconds,
  InitialStatus: text,
  TLSServerName: text,
  TLSSkipVerify: flag,
  Header: v.nullish(v.record(v.string(), v.array(v.string())), () => ({})),
  Method: text,
  Body: text,
  CheckRestart: block(CheckRestartSchema),
  GRPCService: text,
  GRPCUseTLS: flag,
  TaskName: text,
  SuccessBeforePassing: integer,
  FailuresBeforeCritical: integer,
  FailuresBeforeWarning: integer,
  OnUpdate: text,
  Notes: text,
});
export type ServiceCheck = v.InferOutput<typeof ServiceCheckSchema>;

/** A job's `service` block. `Provider` is `consul` (the catalog; default) or `nomad` (built-in registrations). */
export const ServiceSchema = v.object({
  Name: text,
  TaskName: text,
  PortLabel: text,
  AddressMode: v.nullish(v.string(), "auto"),
  Address: text,
  EnableTagOverride: flag,
  Tags: texts,
  CanaryTags: texts,
  Checks: list(ServiceCheckSchema),
  CheckRestart: block(CheckRestartSchema),
  Connect: v.nullish(v.record(v.string(), v.unknown()), null),
  Meta: textMap,
  CanaryMeta: textMap,
  TaggedAddresses: textMap,
  OnUpdate: text,
  Provider: v.nullish(v.string(), "consul"),
  Cluster: text,
  Kind: text,
  Identity: block(IdentitySchema),
  Weights: block(v.object({ Passing: optionalInteger, Warning: optionalInteger })),
});
export type Service = v.InferOutput<typeof ServiceSchema>;
