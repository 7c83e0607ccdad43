import type { ClassRule } from "../settings/settings.ts";
import type { Client } from "./client.ts";

/** RFC 4578 §2.1 and the IANA registry of processor architecture types. */
const ARCH_TAGS: Readonly<Record<number, string>> = {
  0: "bios",
  6: "efi-ia32",
  7: "efi-x64",
  9: "efi-x64",
  10: "efi-arm32",
  11: "efi-arm64",
  15: "efi-ia32",
  16: "efi-x64",
  18: "efi-arm32",
  19: "efi-arm64",
};

/** All tags of a client: its classes', its reservation's, and those every client gets from what it is. */
export function tagsOf(
  client: Client,
  classes: readonly ClassRule[],
  reserved: readonly string[] | undefined,
): Set<string> {
  const tags = new Set<string>(reserved);
  if (reserved !== undefined) tags.add("known");
  if (client.isIpxe) tags.add("ipxe");
  if (client.isBootp) tags.add("bootp");
  if (client.vendorClass.startsWith("PXEClient")) tags.add("pxe");
  if (client.vendorClass.startsWith("HTTPClient")) tags.add("http");
  const arch = client.arch === undefined ? undefined : ARCH_TAGS[client.arch];
  if (arch !== undefined) tags.add(arch);
  for (const rule of classes) if (matches(rule, client)) tags.add(rule.name);
  return tags;
}

function matches(rule: ClassRule, client: Client): boolean {
  const hex = (bytes: Uint8Array | undefined): string =>
    Buffer.from(bytes ?? [])
      .toString("hex")
      .replaceAll(/..(?=.)/g, "$&:");
  return (
    fits(rule.vendorClass, client.vendorClass) &&
    (rule.userClass === undefined || client.userClasses.some((each) => fits(rule.userClass, each))) &&
    fits(rule.mac, client.mac) &&
    fits(rule.hostname, client.name) &&
    (rule.arch === undefined || rule.arch === client.arch) &&
    fitsBytes(rule.circuitId, client.relay?.circuitId, hex) &&
    fitsBytes(rule.remoteId, client.relay?.remoteId, hex)
  );
}

/** A pattern is the whole text, or its beginning where it ends in `*`. */
function fits(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined) return true;
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}

/** As hexadecimal digits with colons, or as the text many switches put there. */
function fitsBytes(
  pattern: string | undefined,
  bytes: Uint8Array | undefined,
  hex: (bytes: Uint8Array | undefined) => string,
): boolean {
  if (pattern === undefined) return true;
  return (
    bytes !== undefined &&
    (fits(pattern, hex(bytes)) || fits(pattern, Buffer.from(bytes).toString("latin1").toLowerCase()))
  );
}
