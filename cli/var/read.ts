import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import { answerOf, valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns, properties } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { show } from "../print/show.ts";
import { localTime } from "../print/time.ts";
import { pathOperand, readVariable, VariableSchema, type Variable } from "./variable.ts";
import { writeAs } from "./write-as.ts";

/** A variable; `-item KEY` prints one value as it is, `-out` says the form. */
export const get = withNomad(async (session) => {
  const { flags, output, operands } = session;
  const one = valueOf(await readVariable(session, pathOperand(operands)));
  const item = flags.value("item");
  if (item === undefined) {
    if (flags.value("t") !== undefined) return show(session, one, () => []);
    const form = flags.on("json") ? "json" : (flags.value("out") ?? (output.terminal ? "table" : "json"));
    if (form === "table") for (const line of tableLines(one)) output.line(line);
    else output.line(writeAs(form, one));
    return 0;
  }
  const value = one.Items[item];
  if (value === undefined) {
    const known = Object.keys(one.Items).join(", ");
    throw new CodedError("missing", `the variable "${one.Path}" has no item "${item}"`, `Its items: ${known}.`);
  }
  output.write(output.terminal ? `${value}\n` : value);
  return 0;
});

/** `[PREFIX]`: what variables there are, without what they hold. */
export const list = withNomad(async (session) => {
  const { nomad, operands, flags, namespace, output } = session;
  const answer = answerOf(
    await nomad.call({
      path: "/v1/vars",
      query: {
        namespace,
        prefix: operands[0],
        filter: flags.value("filter"),
        per_page: flags.value("per-page"),
        next_token: flags.value("page-token"),
      },
      schema: v.array(VariableSchema),
    }),
  );
  const all = answer.value.map(withoutItems);
  if (flags.value("out") === "json") {
    printJson(output, all);
    return 0;
  }
  if (flags.on("quiet") || flags.value("out") === "terse") return show(session, all, () => all.map(({ Path }) => Path));
  return show(session, all, () => {
    if (all.length === 0) return ["No variables found"];
    const rows = all.map((one) => [one.Namespace, one.Path, localTime(one.ModifyTime)]);
    const more = answer.nextToken === "" ? [] : ["", `Next page: -page-token=${answer.nextToken}`];
    return [...columns(["Namespace", "Path", "Last Updated"], rows), ...more];
  });
});

export function tableLines(one: Variable): string[] {
  const items = Object.entries(one.Items).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...properties([
      ["Namespace", one.Namespace],
      ["Path", one.Path],
      ["Create Time", localTime(one.CreateTime)],
      ...(one.CreateIndex === one.ModifyIndex ? [] : [["Modify Time", localTime(one.ModifyTime)] as const]),
      ["Check Index", String(one.ModifyIndex)],
      ...(one.Lock === null ? [] : [["Lock ID", one.Lock.ID] as const]),
    ]),
    "",
    "Items",
    ...(items.length === 0 ? ["<none>"] : properties(items)),
  ];
}

function withoutItems({ Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime }: Variable) {
  return { Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime };
}
