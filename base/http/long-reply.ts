import { utf8 } from "#base/env/bytes.ts";
import type { Clock } from "#base/env/clock.ts";
import type { Access, EachRule } from "./access.ts";
import { gzipParts } from "./gzip.ts";
import type { LongList } from "./long-list.ts";
import type { Page } from "./list-shape.ts";

/** A turn of writing ends after this, in milliseconds: others are served in between. */
const TURN_MS = 6;
/** Items between two looks at the clock. */
const STRIDE = 16;
/** Text that is collected before it becomes bytes. */
const PART_CHARACTERS = 64 * 1024;

export interface LongReply {
  readonly list: LongList;
  readonly clock: Clock;
  readonly access: Access;
  readonly each: EachRule | undefined;
  readonly matches: ((item: unknown) => boolean) | undefined;
  readonly page: Page;
  readonly pretty: boolean;
}

/** The text of a long list, cut into parts, and where its next page starts. */
export async function writeLongList(
  reply: LongReply,
): Promise<{ readonly parts: readonly Uint8Array[]; readonly nextToken: string | undefined }> {
  const { list, clock, page, pretty } = reply;
  const parts: Uint8Array[] = [];
  let text = "[";
  let count = 0;
  let nextToken: string | undefined;
  let began = clock.monotonicMs();
  let looked = 0;
  for (const found of list.items(page.isReverse)) {
    looked += 1;
    if (looked % STRIDE === 0 && clock.monotonicMs() - began > TURN_MS) {
      await new Promise<void>((resolve) => clock.soon(resolve));
      began = clock.monotonicMs();
    }
    if (found === undefined || !isWanted(reply, found.item) || !page.begins(found.item)) continue;
    if (page.perPage > 0 && count === page.perPage) {
      nextToken = page.keyOf(found.item);
      break;
    }
    text += `${count === 0 ? "" : ","}${pretty ? indented(found.item) : JSON.stringify(found.item)}`;
    count += 1;
    if (text.length < PART_CHARACTERS) continue;
    parts.push(utf8(text));
    text = "";
  }
  parts.push(utf8(`${text}${pretty ? (count === 0 ? "]\n" : "\n]\n") : "]"}`));
  return { parts, nextToken };
}

/** Compressed, too, over several turns. */
export async function compressParts(parts: readonly Uint8Array[], clock: Clock): Promise<readonly Uint8Array[]> {
  const compressed: Uint8Array[] = [];
  for await (const part of gzipParts(parts, () => new Promise((resolve) => clock.soon(resolve)))) compressed.push(part);
  return compressed;
}

/** A body that can be sent several times. */
export function bodyOf(parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  return {
    // oxlint-disable-next-line typescript/require-await -- what is there need not be waited for
    async *[Symbol.asyncIterator]() {
      yield* parts;
    },
  };
}

function isWanted({ access, each, matches }: LongReply, item: unknown): boolean {
  if (each !== undefined && !access.isManagement) {
    if (!access.allows(each.resource, each.capability, each.nameOf(item, ""))) return false;
  }
  return matches === undefined || matches(item);
}

/** As `JSON.stringify` indents an item of a list: no text inside has a line's end. */
function indented(item: unknown): string {
  return `\n    ${JSON.stringify(item, undefined, 4).replaceAll("\n", "\n    ")}`;
}
