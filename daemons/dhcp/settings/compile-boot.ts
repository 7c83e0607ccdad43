import { fail, succeed, type Result } from "#base/env/errors.ts";
import { parseIpv4 } from "../packet/ipv4.ts";
import type { BootInput } from "./schema.ts";
import type { BootRule } from "./settings.ts";

export function compileBoot({ when, file, server, serverName }: BootInput): Result<BootRule> {
  const ip = server === "" ? 0 : parseIpv4(server);
  if (ip === undefined) return fail("bad_settings", `server "${server}" is not an IPv4 address`);
  return succeed({ when, file, server: ip, serverName });
}
