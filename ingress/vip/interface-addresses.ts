import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Placement } from "./address.ts";

/** Puts an address on its device. Fine if it is there. */
export async function addAddress({ exec }: Env, { cidr, device, address }: Placement): Promise<Result<null>> {
  // Without detection of duplicates, which would keep an IPv6 address from being of use for a second.
  const nodad = address.family === 6 ? ["nodad"] : [];
  const added = await exec.run(["ip", "address", "replace", cidr, "dev", device, ...nodad]);
  if (added.code === 0) return succeed(null);
  return fail("vip_add", `cannot put ${cidr} on ${device}: ${added.stderr.trim()}`, "the role needs cap_net_admin");
}

/** Takes it off. Fine if it is not there. */
export async function removeAddress({ exec }: Env, { cidr, device }: Placement): Promise<void> {
  await exec.run(["ip", "address", "delete", cidr, "dev", device]);
}
