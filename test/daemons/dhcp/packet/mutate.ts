import type { Prng } from "#sim/prng.ts";

/** One to four changes of the kinds a broken or hostile sender makes, most of them behind the fixed fields. */
export function mutate(packet: Uint8Array, random: Prng): Uint8Array {
  let bytes = new Uint8Array(packet);
  const changes = 1 + Math.floor(random.float() * 4);
  for (let i = 0; i < changes; i++) {
    const start = random.chance(0.9) ? Math.min(240, bytes.length) : 0;
    const at = start + Math.floor(random.float() * (bytes.length - start));
    const kind = Math.floor(random.float() * 6);
    const value = Math.floor(random.float() * 256);
    if (kind === 0) bytes[at] = value;
    else if (kind === 1) bytes[Math.min(bytes.length - 1, 240 + (at % 90))] = value;
    else if (kind === 2) bytes = bytes.slice(0, at);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([value]), bytes.subarray(at)]);
    else if (kind === 4) bytes = Buffer.concat([bytes, bytes.subarray(at)]).subarray(0, 1500);
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << (value & 7));
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}
