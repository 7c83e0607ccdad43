import * as v from "valibot";
import { flag, list, text } from "#base/protocol/schema.ts";
import { settings, shared } from "../template/config/schema.ts";

const SourceSchema = v.object({
  path: text,
  /** `{{ key }}` stands for the name; empty: the name alone. */
  format: text,
  /** Undefined: as its kind has it, true for prefixes and false for secrets. */
  noPrefix: v.nullish(v.boolean()),
  /** Empty: all keys. */
  keys: list(v.object({ name: text, format: text })),
});
export type SourceConfig = v.InferOutput<typeof SourceSchema>;

const ServiceSchema = v.object({
  query: text,
  formatId: text,
  formatName: text,
  formatAddress: text,
  formatTag: text,
  formatPort: text,
});
export type ServiceConfig = v.InferOutput<typeof ServiceSchema>;

export const EnvconsulSchema = settings({
  ...shared,
  once: flag,
  pristine: flag,
  sanitize: flag,
  upcase: flag,
  prefixes: list(SourceSchema),
  secrets: list(SourceSchema),
  services: list(ServiceSchema),
  /** `-no-prefix`: for all prefixes and secrets. */
  noPrefix: v.nullish(v.boolean()),
});
export type EnvconsulConfig = v.InferOutput<typeof EnvconsulSchema>;
