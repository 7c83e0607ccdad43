import type { WireOption } from "../packet/encode.ts";
import type { Ipv4 } from "../packet/ipv4.ts";
import * as code from "../packet/option-codes.ts";
import type { DhcpPacket } from "../packet/packet.ts";
import type { Settings } from "../settings/settings.ts";
import type { Party } from "./party.ts";

export interface BootAnswer {
  readonly siaddr: Ipv4;
  readonly sname: string;
  readonly file: string;
  readonly options: readonly WireOption[];
}

const NO_BOOT: BootAnswer = { siaddr: 0, sname: "", file: "", options: [] };
/** "Take the file named here, look for no boot servers": PXE 2.1, discovery control bit 3. */
const PXE_DIRECT = Uint8Array.of(6, 1, 8, 255);
const FILE_FIELD = 127;

/**
 * What the client is to boot: the first rule whose tags it all has, the subnet's before the general ones. Firmware only
 * takes an answer that names its own class (PXE 2.1 §2.2.3; UEFI 2.10 §24.7.3 for HTTP).
 */
export function bootAnswer(settings: Settings, party: Party, packet: DhcpPacket): BootAnswer {
  const { client, tags, subnet } = party;
  const rule = [...subnet.boot, ...settings.boot].find(({ when }) => when.every((tag) => tags.has(tag)));
  if (rule === undefined) return NO_BOOT;
  const options: WireOption[] = [];
  const isHttp = tags.has("http");
  if (isHttp || tags.has("pxe")) options.push([code.VENDOR_CLASS, Buffer.from(isHttp ? "HTTPClient" : "PXEClient")]);
  const uuid = packet.options.get(code.CLIENT_UUID);
  if (uuid !== undefined) options.push([code.CLIENT_UUID, uuid]);
  if (tags.has("pxe") && !client.isIpxe) options.push([code.VENDOR_SPECIFIC, PXE_DIRECT]);
  const asksForFile = client.list?.includes(code.BOOT_FILE) ?? false;
  if (rule.file !== "" && (asksForFile || isHttp || rule.file.length > FILE_FIELD))
    options.push([code.BOOT_FILE, Buffer.from(rule.file)]);
  if (rule.serverName !== "" && (client.list?.includes(code.TFTP_SERVER) ?? false))
    options.push([code.TFTP_SERVER, Buffer.from(rule.serverName)]);
  return {
    siaddr: rule.server === 0 ? party.serverId : rule.server,
    sname: rule.serverName,
    file: rule.file.length > FILE_FIELD ? "" : rule.file,
    options,
  };
}
