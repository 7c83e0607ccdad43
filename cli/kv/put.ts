import { readFileSync } from "node:fs";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { printed } from "../print/show.ts";

/** `KEY [VALUE]`; the value may be `-` (standard input) or `@FILE`. Exit code 1: a condition did not hold. */
export const put = withConsul(async ({ consul, output, flags, operands }) => {
  const [given, text = "", ...more] = operands;
  if (given === undefined || given === "" || more.length > 0) throw new UsageError("give a key and a value");
  const key = given.replace(/^\//, "");
  const value = flags.on("base64") ? Buffer.from(readValue(text).toString(), "base64") : readValue(text);
  const written = valueOf(
    await consul.kv.put(key, value, {
      flags: flagsOf(flags.value("flags")),
      cas: casOf(flags),
      acquire: flags.on("acquire") ? sessionOf(flags, "acquire") : undefined,
      release: flags.on("release") ? sessionOf(flags, "release") : undefined,
    }),
  );
  if (!(await printed({ flags, output }, { Key: key, Written: written })))
    if (written) output.line(`Success! Data written to: ${key}`);
  if (written) return 0;
  throw new CodedError(
    "condition",
    `did not write to ${key}`,
    "The key changed meanwhile, or its lock is somebody else's.",
  );
});

/** `KEY`; `-recurse` for all under a prefix. Exit code 1: the index of `-cas` did not hold. */
export const remove = withConsul(async ({ consul, output, flags, operands }) => {
  const [given, ...more] = operands;
  if (given === undefined || more.length > 0) throw new UsageError("name one key");
  const key = given.replace(/^\//, "");
  const recurse = flags.on("recurse");
  if (key === "" && !recurse) throw new UsageError("name one key, or all with -recurse");
  const done = valueOf(await consul.kv.delete(key, { recurse, cas: casOf(flags) }));
  if (!done) throw new CodedError("condition", `did not delete ${key}`, "The key changed meanwhile.");
  if (!(await printed({ flags, output }, { Key: key, Deleted: true })))
    output.line(recurse ? `Success! Deleted keys with prefix: ${key}` : `Success! Deleted key: ${key}`);
  return 0;
});

function readValue(text: string): Buffer {
  try {
    if (text === "-") return readFileSync(0);
    if (text.startsWith("@")) return readFileSync(text.slice(1));
    return Buffer.from(text);
  } catch (error) {
    throw new CodedError(
      "unreadable",
      `cannot read the value: ${messageOf(error)}`,
      "To write a text that begins with @, send it through standard input (-).",
    );
  }
}

function flagsOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) {
    throw new UsageError(`-flags takes an unsigned 64-bit number, not "${text}"`);
  }
  return BigInt(text);
}

/** `-cas` with the modify index of the value it may replace; without one, only a new key is written. */
function casOf(flags: FlagValues): number | undefined {
  const index = flags.value("modify-index");
  if (!flags.on("cas")) {
    if (index !== undefined) throw new UsageError("-modify-index needs -cas");
    return undefined;
  }
  if (index !== undefined && !/^\d{1,15}$/.test(index))
    throw new UsageError(`-modify-index takes a whole number, not "${index}"`);
  return Number(index ?? 0);
}

function sessionOf(flags: FlagValues, verb: string): string {
  const session = flags.value("session");
  if (session === undefined) throw new UsageError(`-${verb} needs -session ID`);
  return session;
}
