import { readFileSync } from "node:fs";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { parseWithBigints } from "#base/protocol/json-numbers.ts";
import { foundOf, valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

const EntrySchema = v.object({
  key: v.string(),
  flags: v.nullish(v.bigint(), 0n),
  value: v.nullish(v.string(), ""),
});

/** `[PREFIX]`: everything under it as JSON that {@link importKeys} reads. */
export const exportKeys = withConsul(async ({ consul, output, operands, datacenter }) => {
  const [prefix = ""] = operands;
  const pairs = foundOf(await consul.kv.list(prefix.replace(/^\//, ""), { datacenter })) ?? [];
  // By hand, because flags may be larger than a number of JavaScript.
  const rows = pairs.map(
    ({ Key, Flags, Value }) =>
      `\t{\n\t\t"key": ${JSON.stringify(Key)},\n\t\t"flags": ${Flags},\n\t\t"value": ${JSON.stringify(Value)}\n\t}`,
  );
  output.line(rows.length === 0 ? "[]" : `[\n${rows.join(",\n")}\n]`);
  return 0;
});

/** `JSON`, `@FILE` or `-`; with `-prefix` everything goes under it. */
export const importKeys = withConsul(async ({ consul, output, operands, flags }) => {
  const [given = "", ...more] = operands;
  if (given === "" || more.length > 0) throw new UsageError("give the exported JSON, @FILE or - for standard input");
  const prefix = (flags.value("prefix") ?? "").replaceAll(/^\/|\/$/g, "");
  for (const { key, flags: own, value } of readEntries(given)) {
    const whole = prefix === "" ? key : `${prefix}/${key}`;
    valueOf(await consul.kv.put(whole, Buffer.from(value, "base64"), { flags: own }));
    output.line(`Imported: ${whole}`);
  }
  return 0;
});

function readEntries(given: string): v.InferOutput<typeof EntrySchema>[] {
  try {
    const text =
      given === "-" ? readFileSync(0, "utf8") : given.startsWith("@") ? readFileSync(given.slice(1), "utf8") : given;
    return v.parse(v.array(EntrySchema), parseWithBigints(text, ["flags"]));
  } catch (thrown) {
    throw new CodedError(
      "unreadable",
      `cannot read the keys: ${messageOf(thrown)}`,
      'expected what "kv export" prints',
    );
  }
}
