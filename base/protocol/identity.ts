import * as v from "valibot";
import { flag, nanoseconds, text, texts } from "./schema.ts";

/** A workload's identity. https://developer.hashicorp.com/nomad/docs/job-specification/identity */
export const IdentitySchema = v.object({
  Name: text,
  Audience: texts,
  ChangeMode: text,
  ChangeSignal: text,
  Env: flag,
  File: flag,
  Filepath: text,
  ServiceName: text,
  TTL: nanoseconds,
});
export type Identity = v.InferOutput<typeof IdentitySchema>;
