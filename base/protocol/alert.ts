import * as v from "valibot";
import { flag, integer, text } from "./schema.ts";

const status = v.nullish(v.picklist(["passing", "warning", "critical"]), "passing");

/** What was last told of one check by one rule; key: `<rule>/<node>/<check id>`. Times in milliseconds since the epoch. */
export const AlertSchema = v.object({
  Rule: text,
  Node: text,
  CheckID: text,
  CheckName: text,
  ServiceName: text,
  Status: status,
  Output: text,
  /** When this status was told. */
  ToldAt: integer,
  /** The newest reminder; 0: none. */
  RemindedAt: integer,
  /** Who knows of it: no reminders then. Empty: nobody said so. */
  AcknowledgedBy: text,
  /** False while it is on its way: whoever finds it so after a restart sends it. */
  Sent: flag,
});
export type Alert = v.InferOutput<typeof AlertSchema>;

/** What was sent, or could not be. */
export const AlertLogSchema = v.object({
  At: integer,
  Kind: v.nullish(v.picklist(["transition", "reminder", "acknowledged"]), "transition"),
  Rule: text,
  Node: text,
  CheckID: text,
  ServiceName: text,
  Status: status,
  /** Empty: it arrived. */
  Problem: text,
});
export type AlertLog = v.InferOutput<typeof AlertLogSchema>;
