import { createInterface } from "node:readline";
import * as v from "valibot";
import { deriveKey } from "#base/platform/derive-key.ts";
import { hashPassword } from "#daemons/dns/http/password.ts";
import { UsageError } from "../command/command.ts";
import { withDns } from "./dns-session.ts";

export const password = withDns(async ({ api, env, flags, output, operands }) => {
  if (operands.length > 0)
    throw new UsageError("a password comes from standard input: command lines are seen by everybody");
  const given = await firstLine();
  if (flags.on("hash")) {
    output.line(await hashPassword(given, { random: env.random, deriveKey }));
    return 0;
  }
  const body = { config: { webserver: { api: { password: given } } } };
  await api.call("/api/config", { method: "PATCH", body, schema: v.looseObject({}) });
  output.line(
    given === "" ? "There is no password any more: only the machine itself is let in." : "The password is set.",
  );
  return 0;
});

async function firstLine(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write("Password (shown as you type): ");
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return line;
    return "";
  } finally {
    lines.close();
  }
}
