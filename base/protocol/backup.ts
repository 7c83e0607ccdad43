import * as v from "valibot";
import { integer, text } from "./schema.ts";

/** How the backups to one target stand. Times in milliseconds since the epoch; 0: never. */
export const BackupSchema = v.object({
  Target: text,
  /** Of the newest one that is whole. */
  Name: text,
  MadeAt: integer,
  Bytes: integer,
  Revision: integer,
  /** How many there are. */
  Kept: integer,
  /** When it was last tried. */
  TriedAt: integer,
  /** The server that tried. */
  Server: text,
  /** Why it failed; empty: it did not. */
  Problem: text,
  /** Since when it fails. */
  FailsSince: integer,
});
export type Backup = v.InferOutput<typeof BackupSchema>;
