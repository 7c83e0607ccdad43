import * as v from "valibot";
import type { ApiResult } from "#base/client/api-caller.ts";
import { CodedError } from "#base/env/errors.ts";
import { block, integer, text, textMap } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

/** https://developer.hashicorp.com/nomad/api-docs/variables */
export const VariableSchema = v.object({
  Namespace: text,
  Path: text,
  CreateIndex: integer,
  ModifyIndex: integer,
  CreateTime: integer,
  ModifyTime: integer,
  Items: textMap,
  Lock: block(v.object({ ID: text, TTL: text, LockDelay: text })),
});
export type Variable = v.InferOutput<typeof VariableSchema>;

/** The path of `/v1/var/…`: its segments are encoded, its slashes stay. */
export function variablePath(path: string): string {
  return `/v1/var/${path.split("/").map(encodeURIComponent).join("/")}`;
}

export function pathOperand(operands: readonly string[]): string {
  const [path] = operands;
  if (path === undefined || path === "") throw new UsageError("name a variable's path");
  return path;
}

export async function readVariable({ nomad, namespace }: NomadSession, path: string): Promise<ApiResult<Variable>> {
  return nomad.call({ path: variablePath(path), query: { namespace }, schema: VariableSchema });
}

/** Undefined where there is none. */
export async function variableIfThere(session: NomadSession, path: string): Promise<Variable | undefined> {
  const result = await readVariable(session, path);
  return !result.ok && result.error.code === "missing" ? undefined : valueOf(result);
}

export function conflict(path: string): CodedError {
  return new CodedError(
    "conflict",
    `the variable "${path}" is not as the check index says: somebody changed it`,
    'Read it again ("lares var get"), or write without a check: -force.',
  );
}
