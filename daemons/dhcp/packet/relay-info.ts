/** What a relay says about where the client is (option 82, RFC 3046), as far as it is used here. */
export interface RelayInfo {
  readonly circuitId: Uint8Array | undefined;
  readonly remoteId: Uint8Array | undefined;
  /** RFC 3527: the subnet to serve from, where it is not the relay's own. */
  readonly linkSelection: Uint8Array | undefined;
  /** RFC 5107: the relay wants to be the server identifier that clients see. */
  readonly serverOverride: Uint8Array | undefined;
  readonly subscriberId: Uint8Array | undefined;
}

/** Undefined where a sub-option runs past the end. */
export function decodeRelayInfo(bytes: Uint8Array): RelayInfo | undefined {
  const parts = decodeSubOptions(bytes);
  if (parts === undefined) return undefined;
  return {
    circuitId: parts.get(1),
    remoteId: parts.get(2),
    linkSelection: sized(parts.get(5), 4),
    serverOverride: sized(parts.get(11), 4),
    subscriberId: parts.get(6),
  };
}

function sized(bytes: Uint8Array | undefined, length: number): Uint8Array | undefined {
  return bytes?.length === length ? bytes : undefined;
}

/** Code, length, value, in a row: options 43, 82 and others nest this way. The first of a code counts. */
export function decodeSubOptions(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const parts = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    const [code = 0, length] = [bytes[at], bytes[at + 1]];
    if (length === undefined || at + 2 + length > bytes.length) return undefined;
    if (!parts.has(code)) parts.set(code, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return parts;
}

export function encodeSubOptions(parts: readonly (readonly [code: number, value: Uint8Array])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(([code, value]) => [code, value.length, ...value]));
}
