import { concatBytes } from "#base/env/bytes.ts";
import { encodeDomains } from "../packet/domain-list.ts";
import { INFINITE_MS, type Link6, type Settings6 } from "../settings/settings.ts";
import type { Ipv4 } from "../packet/ipv4.ts";
import type { AnsweredAssociation } from "./answer-association.ts";
import { encodeAssociation, statusOption, type AssociationAnswer } from "./association.ts";
import type { Client6 } from "./client.ts";
import { MESSAGE, OPTION, STATUS } from "./codes.ts";
import { encodeMessage6, encodeThroughRelays, uint32Bytes, type Option6, type Packet6 } from "./message.ts";

/** Addresses are preferred for this part of their life; after it connections end that are still open, and no new ones begin. */
const PREFERRED = 0.625;
/** RFC 8415 §7.6: how long what an information-request brought is good for. */
const REFRESH_S = 86_400;
/** RFC 4704 §4.1. */
const FQDN_SERVER_UPDATES = 1;
const FQDN_OVERRIDE = 2;

export interface ReplyParts {
  readonly type: number;
  readonly answered: readonly AnsweredAssociation[];
  readonly status?: { readonly code: number; readonly message: string } | undefined;
  readonly isRapid?: boolean;
  readonly duid: Uint8Array;
  readonly settings: Settings6;
  readonly taken: ReadonlySet<Ipv4>;
  readonly more: readonly Option6[];
}

export function writeReply(
  to: { readonly packet: Packet6; readonly client: Client6; readonly links: readonly Link6[] },
  parts: ReplyParts,
): Uint8Array {
  const { packet, client, links } = to;
  const { clientId } = client;
  const isInformation = packet.message.type === MESSAGE.informationRequest;
  const isEnding = packet.message.type === MESSAGE.release || packet.message.type === MESSAGE.decline;
  const options: Option6[] = [
    ...(clientId === undefined ? [] : [{ code: OPTION.clientId, data: clientId }]),
    { code: OPTION.serverId, data: parts.duid },
    ...(parts.isRapid === true ? [{ code: OPTION.rapidCommit, data: new Uint8Array(0) }] : []),
    ...(parts.status === undefined ? [] : [statusOption(parts.status.code, parts.status.message)]),
    ...parts.answered.map((each) => encodeAssociation(saidOf(each, parts))),
    ...(isEnding ? [] : settingsFor(client, links)),
    ...(isInformation ? [{ code: OPTION.informationRefreshTime, data: uint32Bytes(REFRESH_S) }] : []),
    ...fqdnFor(client, links, parts.answered),
    ...(isEnding ? [] : parts.more),
  ];
  return encodeThroughRelays(packet.relays, encodeMessage6({ type: parts.type, xid: packet.message.xid, options }));
}

function saidOf(
  { association, given, gone, status }: AnsweredAssociation,
  { settings, taken }: ReplyParts,
): AssociationAnswer {
  const { kind, iaid } = association;
  const left = given.filter(({ number }) => !taken.has(number));
  const lost = given.length > 0 && left.length === 0;
  const items = left.map(({ number, leaseMs }) => ({
    text: settings.leases.family.addresses.format(number),
    ...lifeOf(leaseMs),
  }));
  const over = gone.map((text) => ({ text, preferredS: 0, validS: 0 }));
  const refused = { code: STATUS.unspecFail, message: "it was taken meanwhile" };
  return { kind, iaid, items: [...items, ...over], status: lost ? refused : status };
}

function lifeOf(leaseMs: number): { readonly preferredS: number; readonly validS: number } {
  if (leaseMs === INFINITE_MS) return { preferredS: Infinity, validS: Infinity };
  return { preferredS: (leaseMs / 1000) * PREFERRED, validS: leaseMs / 1000 };
}

/** Of each code the first network's. */
function settingsFor({ wanted }: Client6, links: readonly Link6[]): readonly Option6[] {
  const all = new Map<number, Option6>();
  for (const { options } of links)
    for (const option of options)
      if (!all.has(option.code) && (wanted === undefined || wanted.has(option.code))) all.set(option.code, option);
  return [...all.values()];
}

/** This server keeps the names, whatever the client asked (RFC 4704 §5). */
function fqdnFor(
  { fqdnFlags }: Client6,
  links: readonly Link6[],
  answered: readonly AnsweredAssociation[],
): readonly Option6[] {
  const name = answered.flatMap(({ given }) => given).find((each) => each.name !== "")?.name;
  if (fqdnFlags === undefined || name === undefined) return [];
  const domain = links.find((link) => link.domain !== "")?.domain ?? "";
  const encoded = encodeDomains([domain === "" ? name : `${name}.${domain}`]);
  if (!encoded.ok) return [];
  const flags = FQDN_SERVER_UPDATES | ((fqdnFlags & FQDN_SERVER_UPDATES) === 0 ? FQDN_OVERRIDE : 0);
  return [{ code: OPTION.clientFqdn, data: concatBytes([Uint8Array.of(flags), encoded.value]) }];
}
