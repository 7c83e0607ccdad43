import * as v from "valibot";
import { text, textMap } from "./schema.ts";

/** The text a job was submitted as. https://developer.hashicorp.com/nomad/api-docs/jobs#read-job-submission */
export const JobSubmissionSchema = v.object({
  Source: text,
  /** `hcl2`, `hcl1` or `json`. */
  Format: text,
  VariableFlags: textMap,
  Variables: text,
});
export type JobSubmission = v.InferOutput<typeof JobSubmissionSchema>;
