import { existsSync } from "node:fs";
import * as v from "valibot";
import { integer, text, textMap } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { readSpec } from "../spec/read-spec.ts";
import { readTextFile } from "../spec/read-text.ts";
import { tableLines } from "./read.ts";
import { conflict, pathOperand, variableIfThere, variablePath, VariableSchema, type Variable } from "./variable.ts";
import { variableFile } from "./variable-table.ts";
import { writeAs } from "./write-as.ts";

const SpecSchema = v.object({ Path: text, Namespace: text, Items: textMap, ModifyIndex: integer });
type Spec = v.InferOutput<typeof SpecSchema>;

/**
 * `[PATH] [@FILE|-] KEY=VALUE …`: items of a file first, then those of the line (`KEY=@FILE` reads a value from a file).
 * Without `-check-index` or `-force` an existing variable's index is checked as it is read here.
 */
export const put = withNomad(async (session) => {
  const { flags, nomad, output } = session;
  const wanted = specOf(session);
  if (Object.keys(wanted.Items).length === 0) throw new UsageError("give at least one KEY=VALUE, or a file with items");
  const cas = await checkIndex(session, wanted);
  const answer = await nomad.call({
    method: "PUT",
    path: variablePath(wanted.Path),
    query: { namespace: namespaceOf(session, wanted), cas },
    body: { Path: wanted.Path, Namespace: namespaceOf(session, wanted) ?? "", Items: wanted.Items },
    schema: VariableSchema,
  });
  if (!answer.ok && answer.error.status === 409) throw conflict(wanted.Path);
  const stored: Variable = { ...valueOf(answer), Items: wanted.Items };
  const form = flags.on("json") ? "json" : (flags.value("out") ?? (output.terminal ? "none" : "json"));
  if (form === "table") for (const line of tableLines(stored)) output.line(line);
  else if (form !== "none") output.line(writeAs(form, stored));
  if (output.terminal || form === "none")
    output.line(`Created variable "${stored.Path}" with modify index ${stored.ModifyIndex}`);
  return 0;
});

export const purge = withNomad(async (session) => {
  const { operands, flags, nomad, output, namespace } = session;
  const path = pathOperand(operands);
  const cas = indexFlag(flags);
  const answer = await nomad.call({
    method: "DELETE",
    path: variablePath(path),
    query: { namespace, cas },
    schema: v.unknown(),
  });
  if (!answer.ok && answer.error.status === 409) throw conflict(path);
  valueOf(answer);
  output.line(`Successfully purged variable "${path}"!`);
  return 0;
});

function namespaceOf({ namespace }: NomadSession, { Namespace }: Spec): string | undefined {
  return namespace ?? (Namespace === "" ? undefined : Namespace);
}

function specOf({ operands }: NomadSession): Spec {
  const [first = "", ...rest] = operands;
  const file = fileOf(first);
  const isPath = file === undefined && first !== "" && !first.includes("=");
  const [second = "", ...others] = isPath ? rest : operands;
  const source = fileOf(second);
  const pairs = source === undefined ? (isPath ? rest : operands) : isPath ? others : rest;
  const spec = source === undefined ? emptySpec() : v.parse(SpecSchema, readSpec(source, variableFile));
  const Path = isPath ? first : spec.Path;
  if (Path === "") throw new UsageError("name a variable's path, or a file that does");
  return { ...spec, Path, Items: { ...spec.Items, ...Object.fromEntries(pairs.map(item)) } };
}

function emptySpec(): Spec {
  return v.parse(SpecSchema, {});
}

/** `@FILE`, `-`, or the name of a specification that is there. */
function fileOf(operand: string): string | undefined {
  if (operand === "-") return operand;
  if (operand.startsWith("@")) return operand.slice(1);
  return /\.(hcl|json)$/.test(operand) && existsSync(operand) ? operand : undefined;
}

function item(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  if (at < 1) throw new UsageError(`give KEY=VALUE, not "${pair}"`);
  const value = pair.slice(at + 1);
  if (value.startsWith("@")) return [pair.slice(0, at), readTextFile(value.slice(1))];
  return [pair.slice(0, at), value.startsWith("\\@") ? value.slice(1) : value];
}

async function checkIndex(session: NomadSession, { Path, ModifyIndex }: Spec): Promise<number | undefined> {
  if (session.flags.on("force")) return undefined;
  const given = indexFlag(session.flags);
  if (given !== undefined) return given;
  if (ModifyIndex > 0) return ModifyIndex;
  return (await variableIfThere(session, Path))?.ModifyIndex ?? 0;
}

function indexFlag(flags: FlagValues): number | undefined {
  const given = flags.value("check-index");
  if (given === undefined) return undefined;
  if (!/^\d{1,15}$/.test(given)) throw new UsageError(`-check-index takes an index, not "${given}"`);
  return Number(given);
}
