import type { SqlRow, SqlStep } from "#base/env/sql.ts";

export type SqlRequest =
  | { readonly kind: "write"; readonly steps: readonly SqlStep[] }
  | { readonly kind: "read"; readonly sql: string; readonly values: SqlRow }
  | { readonly kind: "close" };

/** One per request, in their order, and one before them when the file is open. */
export type SqlReply =
  | { readonly kind: "rows"; readonly rows: readonly SqlRow[] }
  | { readonly kind: "failed"; readonly message: string };
