import type { Server, Slot } from "./model.ts";

const SPARE_LEAST = 2;
const MAX_SLOTS = 4096;

/**
 * Puts servers into slots: one that has a slot keeps it, new ones take free ones, and only where these do not suffice
 * there are more of them, which takes a reload. `before` is what HAProxy runs with.
 */
export function assignSlots(servers: readonly Server[], before: readonly Slot[] = []): readonly Slot[] {
  const wanted = new Map(servers.slice(0, MAX_SLOTS).map((server) => [server.key, server]));
  const slots: Slot[] = before.map(({ name, server }) => {
    const kept = server === undefined ? undefined : wanted.get(server.key);
    if (kept !== undefined) wanted.delete(kept.key);
    return { name, server: kept };
  });
  const incoming = [...wanted.values()];
  const free = slots.filter(({ server }) => server === undefined).length;
  if (before.length === 0 || incoming.length > free) {
    const size = Math.min(MAX_SLOTS, servers.length + Math.max(SPARE_LEAST, Math.ceil(servers.length / 2)));
    while (slots.length < size) slots.push({ name: `s${slots.length + 1}`, server: undefined });
  }
  // Places that were free before come first: who leaves one may still have requests, and somebody must be there meanwhile.
  const places = slots.flatMap((slot, at) => (slot.server === undefined ? [at] : []));
  for (const at of places.toSorted(
    (a, b) => Number(before[a]?.server !== undefined) - Number(before[b]?.server !== undefined) || a - b,
  )) {
    const slot = slots[at];
    if (slot !== undefined) slots[at] = { name: slot.name, server: incoming.shift() };
  }
  return slots;
}

/** Its line in the configuration, the same that `slotCommands` brings about. */
export function slotLine({ name, server }: Slot, options: string): string {
  const tail = options === "" ? "" : ` ${options}`;
  if (server === undefined) return `server ${name} 127.0.0.1:1 disabled weight 1${tail}`;
  const host = server.address.includes(":") ? `[${server.address}]` : server.address;
  return `server ${name} ${host}:${server.port} weight ${server.weight}${tail}`;
}

/** What to tell HAProxy's socket so that a slot holds what `next` says (https://docs.haproxy.org/2.6/management.html#9.3-set%20server). */
export function slotCommands(backend: string, before: Slot, next: Slot): readonly string[] {
  const at = `${backend}/${next.name}`;
  const [old, server] = [before.server, next.server];
  if (server === undefined) return old === undefined ? [] : [`set server ${at} state maint`];
  const commands: string[] = [];
  const moved = old?.key !== server.key;
  if (moved) {
    if (old !== undefined) commands.push(`set server ${at} state maint`);
    commands.push(`set server ${at} addr ${server.address} port ${server.port}`);
  }
  if (moved || old?.weight !== server.weight) commands.push(`set server ${at} weight ${server.weight}`);
  if (moved) commands.push(`set server ${at} state ready`);
  return commands;
}
