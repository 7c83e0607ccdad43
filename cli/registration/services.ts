import { readFileSync } from "node:fs";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { readDefinitions } from "#daemons/discovery/local/definition-text.ts";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";

/** Services of files, or the one the flags describe. */
export const register = withConsul(async ({ consul, output, operands, flags }) => {
  const services = operands.length === 0 ? [described(flags)] : operands.flatMap(servicesOf);
  for (const body of services) {
    valueOf(await consul.call({ method: "PUT", path: "/v1/agent/service/register", body, schema: v.unknown() }));
    output.line(`Registered service: ${body.Name}`);
  }
  return 0;
});

/** Services of files, or the one with `-id`. */
export const deregister = withConsul(async ({ consul, output, operands, flags }) => {
  const id = flags.value("id");
  if ((id === undefined) === (operands.length === 0)) throw new UsageError("give files, or -id ID");
  const ids = id === undefined ? operands.flatMap(servicesOf).map(({ ID, Name }) => ID || Name) : [id];
  for (const each of ids) {
    const path = `/v1/agent/service/deregister/${encodeURIComponent(each)}`;
    valueOf(await consul.call({ method: "PUT", path, schema: v.unknown() }));
    output.line(`Deregistered service: ${each}`);
  }
  return 0;
});

function servicesOf(path: string) {
  try {
    return readDefinitions({ name: path, text: readFileSync(path, "utf8") }).services;
  } catch (thrown) {
    throw new CodedError("unreadable", `cannot read ${path}: ${messageOf(thrown)}`);
  }
}

function described(flags: FlagValues) {
  const Name = flags.value("name");
  if (Name === undefined) throw new UsageError("give files, or -name NAME");
  const port = flags.value("port") ?? "0";
  if (!/^\d{1,5}$/.test(port)) throw new UsageError(`-port takes a number, not "${port}"`);
  const Meta = Object.fromEntries(
    flags.values("meta").map((pair) => {
      const equals = pair.indexOf("=");
      if (equals < 1) throw new UsageError(`-meta takes KEY=VALUE, not "${pair}"`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
  const [ID, Address] = [flags.value("id") ?? "", flags.value("address") ?? ""];
  return { ID, Name, Address, Port: Number(port), Tags: flags.values("tag"), Meta };
}
