import { createHash } from "node:crypto";
import type { Env } from "#base/env/env.ts";
import type { Address } from "#base/env/net.ts";
import { readMessage } from "#base/protocol/dns/message.ts";
import { CLASS, TYPE } from "#base/protocol/dns/record.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";

/** What is asked for by DNS-01 (RFC 8555 section 8.4). */
export function dnsProofName(name: string): string {
  return `_acme-challenge.${name}`;
}

export function dnsProofText(authorization: string): string {
  return createHash("sha256").update(authorization).digest("base64url");
}

const PATIENCE_MS = 2000;
const RECURSE = 0x0100;

/** Whether a DNS server answers with a text. */
export async function hasText(
  { net, clock, random }: Env,
  server: Address,
  { name, text }: { readonly name: string; readonly text: string },
): Promise<boolean> {
  const [high = 0, low = 0] = random.bytes(2);
  const writer = new MessageWriter();
  writer.start({ id: high * 256 + low, flags: RECURSE });
  writer.question({ name: name.split("."), type: TYPE.TXT, class: CLASS.IN });
  const found = Promise.withResolvers<boolean>();
  const socket = await net.dial(server, {
    onDatagram: (data) => {
      const message = readMessage(data);
      if (message?.header.id !== high * 256 + low) return;
      found.resolve(
        message.answers.some(({ data: record }) => record.kind === "TXT" && record.texts.join("") === text),
      );
    },
    onRefused: () => found.resolve(false),
  });
  const late = clock.after(PATIENCE_MS, () => found.resolve(false));
  try {
    socket.send(writer.finish());
    return await found.promise;
  } finally {
    late.cancel();
    await socket.close();
  }
}
