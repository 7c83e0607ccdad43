import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

/** The only operand. */
export function operandOf({ operands }: NomadSession, what: string): string {
  const [first, second] = operands;
  if (first === undefined || second !== undefined) throw new UsageError(`give one ${what}`);
  return first;
}

export async function read<T>({ nomad }: NomadSession, path: string, schema: v.GenericSchema<unknown, T>): Promise<T> {
  return valueOf(await nomad.call({ path, schema }));
}

export interface Write<T> {
  readonly path: string;
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly schema: v.GenericSchema<unknown, T>;
}

export async function write<T>({ nomad }: NomadSession, { path, body, query = {}, schema }: Write<T>): Promise<T> {
  return valueOf(await nomad.call({ method: "PUT", path, body: body ?? {}, query, schema }));
}

export async function erase(
  { nomad }: NomadSession,
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
): Promise<void> {
  valueOf(await nomad.call({ method: "DELETE", path, query, schema: v.unknown() }));
}

/** `true` or `false`; undefined when the flag was not given. */
export function truthOf({ flags }: NomadSession, name: string): boolean | undefined {
  const given = flags.value(name);
  if (given === undefined) return undefined;
  if (given === "true" || given === "false") return given === "true";
  throw new UsageError(`-${name} is true or false, not ${JSON.stringify(given)}`);
}

export const NOTHING = "<none>";

export function orNone(text: string): string {
  return text === "" ? NOTHING : text;
}
