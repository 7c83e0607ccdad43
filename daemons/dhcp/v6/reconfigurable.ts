import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import type { Relay6 } from "./message.ts";

/** A client that takes a word from its server before it asks, and the way to it. */
export interface Reconfigurable {
  readonly clientId: Uint8Array;
  /** Of itself, with the interface behind a percent sign, or of the relay next to us. */
  readonly host: string;
  readonly port: number;
  readonly interface: string;
  /** From the outside to the inside. */
  readonly relays: readonly Relay6[];
  /** It has addresses or prefixes; else it only asked for settings. */
  readonly isBound: boolean;
  /** What it was told last, as {@link import("./reconfigurer.ts").Reconfigurer} sums it up. */
  readonly told: string;
}

const hex = v.pipe(
  v.string(),
  v.regex(/^(?:[0-9a-f]{2})*$/),
  v.transform((text): Uint8Array => Buffer.from(text, "hex")),
);
const address = v.pipe(
  hex,
  v.check((bytes) => bytes.length === 16),
);

const FileSchema = v.array(
  v.object({
    clientId: hex,
    host: v.string(),
    port: v.number(),
    interface: v.string(),
    relays: v.array(v.object({ hops: v.number(), link: address, peer: address, interfaceId: v.optional(hex) })),
    isBound: v.boolean(),
    told: v.string(),
  }),
);

/** What is not there or does not read is nobody: they are heard of again when they renew. */
export async function readReconfigurables(disk: Disk, path: string): Promise<readonly Reconfigurable[]> {
  const bytes = await disk.read(path).catch(() => undefined);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), FileSchema), bytes === undefined ? "" : textOf(bytes));
  if (!parsed.success) return [];
  return parsed.output.map((each) => ({
    ...each,
    relays: each.relays.map((relay) => ({ ...relay, interfaceId: relay.interfaceId, linkLayer: undefined })),
  }));
}

export async function writeReconfigurables(disk: Disk, path: string, all: readonly Reconfigurable[]): Promise<void> {
  const rows = all.map((each) => ({
    ...each,
    clientId: hexOf(each.clientId),
    relays: each.relays.map(({ hops, link, peer, interfaceId }) => ({
      hops,
      link: hexOf(link),
      peer: hexOf(peer),
      ...(interfaceId === undefined ? {} : { interfaceId: hexOf(interfaceId) }),
    })),
  }));
  await disk.replace(path, Buffer.from(JSON.stringify(rows)), { mode: 0o600 });
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
