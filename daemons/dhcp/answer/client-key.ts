const ETHERNET = 1;

/** Who a client is, as text: `id:` and the client identifier, or `hw:`, hardware type and address, in hexadecimal. */
export function clientKey(clientId: Uint8Array | undefined, htype: number, chaddr: Uint8Array): string {
  // Fewer than two bytes identify nobody (RFC 2132 §9.14), nor do zeros.
  if (clientId === undefined || clientId.length < 2 || clientId.every((byte) => byte === 0))
    return hardwareKey(htype, chaddr);
  return idKey(clientId);
}

export function hardwareKey(htype: number, chaddr: Uint8Array): string {
  return `hw:${htype.toString(16).padStart(2, "0")}${hexOf(chaddr)}`;
}

/**
 * An identifier that is only the Ethernet address is the same client as without one: a machine's boot firmware, boot
 * loader and system often differ in nothing else, and should keep one address.
 */
export function idKey(clientId: Uint8Array): string {
  const hex = hexOf(clientId);
  return clientId.length === 7 && clientId[0] === ETHERNET ? `hw:${hex}` : `id:${hex}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** `52:54:00:12:34:56`. */
export function macText(chaddr: Uint8Array): string {
  return hexOf(chaddr).replaceAll(/..(?=.)/g, "$&:");
}
