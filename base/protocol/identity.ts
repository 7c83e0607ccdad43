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

/** The name of the identity that every task has, asked for or not. */
export const DEFAULT_IDENTITY_NAME = "default";
/** That one, where the job says nothing of it. */
export const DEFAULT_IDENTITY: Identity = {
  Name: DEFAULT_IDENTITY_NAME,
  Audience: [],
  ChangeMode: "",
  ChangeSignal: "",
  Env: false,
  File: false,
  Filepath: "",
  ServiceName: "",
  TTL: 0,
};
