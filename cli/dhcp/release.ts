import { CodedError } from "#base/env/errors.ts";
import { isHeld, type Lease } from "#daemons/dhcp/leases/lease.ts";
import { createSharedKv } from "#daemons/dhcp/share/kv.ts";
import { leaseKey, removeLease, type StoredLease } from "#daemons/dhcp/share/stored-leases.ts";
import { withConsul, type ConsulSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { printed } from "../print/show.ts";
import { readLeases } from "./read-leases.ts";

const MAC = /^(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i;

interface Target {
  readonly key: string;
  /** Whose it has to be still, when it comes to it. */
  readonly isMeant: (lease: Lease) => boolean;
}

/** Exit code 1: an address that nobody has, or a machine that has none. */
export const release = withConsul(async (session) => {
  const { env, consul, output, flags, operands } = session;
  if (operands.length === 0) throw new UsageError("name addresses, or machines by their MAC");
  const held = operands.some((operand) => MAC.test(operand)) ? await heldLeases(session) : [];
  const targets = operands.flatMap((operand) => targetsOf(operand, held));
  const kv = createSharedKv(consul, env.clock);
  const removed: StoredLease[] = [];
  for (const { key, isMeant } of targets) {
    const done = await removeLease(kv, key, { nowMs: env.clock.nowMs(), isMeant });
    if (done.kind === "unknown") throw new CodedError("dhcp_release", `${key}: ${done.message}`, "lares dhcp leases");
    if (done.kind === "missing") output.error(`nobody has ${key.slice(key.lastIndexOf("leases/") + 7)}`);
    else removed.push(done.lease);
  }
  const rows = removed.map(({ address, lease }) => ({ address, name: lease.name, mac: lease.mac }));
  if (!(await printed({ flags, output }, rows)))
    for (const { address, name, mac } of rows)
      output.line(`${address} is no longer ${[name, mac].find((each) => each !== "") ?? "anybody"}'s.`);
  return rows.length < targets.length ? 1 : 0;
});

async function heldLeases({ consul, env }: ConsulSession): Promise<readonly StoredLease[]> {
  const nowMs = env.clock.nowMs();
  return (await readLeases(consul)).filter(({ lease }) => isHeld(lease, nowMs));
}

function targetsOf(operand: string, held: readonly StoredLease[]): readonly Target[] {
  if (MAC.test(operand)) {
    const mac = operand.toLowerCase().replaceAll("-", ":");
    const mine = held.filter(({ lease }) => lease.mac === mac);
    if (mine.length === 0) throw new CodedError("missing", `${mac} has no lease`, "lares dhcp leases");
    return mine.map(({ key }) => ({ key, isMeant: (lease: Lease) => lease.mac === mac }));
  }
  const key = leaseKey(operand);
  if (key === undefined)
    throw new UsageError(
      `${operand}: an address like 192.168.1.50, a prefix or a MAC like 52:54:00:12:34:56 is expected`,
    );
  return [{ key, isMeant: () => true }];
}
