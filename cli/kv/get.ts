import type { KvPair } from "#base/client/consul-answers.ts";
import { CodedError } from "#base/env/errors.ts";
import { foundOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { properties } from "../print/columns.ts";
import { printed } from "../print/show.ts";

/** The value of a key; of all keys under a prefix with `-recurse`; just the keys with `-keys`. Exit code 1: not there. */
export const get = withConsul(async ({ consul, output, flags, operands, datacenter }) => {
  const [given, ...more] = operands;
  const many = flags.on("recurse") || flags.on("keys");
  if ((given === undefined && !many) || more.length > 0) throw new UsageError("name one key");
  const key = (given ?? "").replace(/^\//, "");
  if (flags.on("keys")) {
    const keys = foundOf(await consul.kv.keys(key, { datacenter, separator: flags.value("separator") ?? "/" })) ?? [];
    if (!(await printed({ flags, output }, keys))) for (const one of keys) output.line(one);
    return 0;
  }
  const pairs = foundOf(
    flags.on("recurse") ? await consul.kv.list(key, { datacenter }) : await consul.kv.get(key, { datacenter }),
  );
  if (pairs === undefined)
    throw new CodedError("missing", `there is no key "${key}"${flags.on("recurse") ? " or any under it" : ""}`);
  if (!(await printed({ flags, output }, pairs)))
    if (flags.on("detailed")) for (const line of pairs.flatMap(detailLines)) output.line(line);
    else if (flags.on("recurse"))
      for (const pair of pairs) output.line(`${pair.Key}:${textOf(pair, flags.on("base64"))}`);
    else
      for (const pair of pairs)
        writeValue(pair, {
          base64: flags.on("base64"),
          write: (data) => output.write(data),
          terminal: output.terminal,
        });
  return 0;
});

function textOf(pair: KvPair, base64: boolean): string {
  return base64 ? pair.Value : Buffer.from(pair.Value, "base64").toString("utf8");
}

/** Bytes as they are; the newline behind is for people only, so that a pipe gets exactly the value. */
function writeValue(
  pair: KvPair,
  to: { readonly base64: boolean; readonly terminal: boolean; readonly write: (data: string | Uint8Array) => void },
): void {
  to.write(to.base64 ? pair.Value : Buffer.from(pair.Value, "base64"));
  if (to.terminal || to.base64) to.write("\n");
}

function detailLines(pair: KvPair): string[] {
  return [
    ...properties([
      ["CreateIndex", String(pair.CreateIndex)],
      ["Flags", String(pair.Flags)],
      ["Key", pair.Key],
      ["LockIndex", String(pair.LockIndex)],
      ["ModifyIndex", String(pair.ModifyIndex)],
      ["Session", pair.Session || "-"],
      ["Value", textOf(pair, false)],
    ]),
    "",
  ];
}
