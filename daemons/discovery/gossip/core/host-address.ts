/** `10.0.0.7` or `fd00::7` for 4 or 16 bytes; 16 bytes that stand for an IPv4 address give that. "" for other lengths. */
export function hostOf(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  if (address.length !== 16) return "";
  if (isMappedV4(address)) return address.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0));
  return compressZeros(groups);
}

/** 4 or 16 bytes; undefined when it is no IP address (a zone is passed over). */
export function addressOfHost(host: string): Uint8Array | undefined {
  const [plain = ""] = host.split("%");
  if (!plain.includes(":")) return quadOf(plain);
  const tail = /:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  const quad = tail === undefined ? undefined : quadOf(tail);
  if (tail !== undefined && quad === undefined) return undefined;
  const hex = quad === undefined || tail === undefined ? plain : plain.slice(0, -tail.length) + groupsOfQuad(quad);
  const halves = hex.split("::");
  if (halves.length > 2) return undefined;
  const [front = [], back = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - front.length - back.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...front, ...Array.from({ length: missing }, () => "0"), ...back];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >>> 8, Number.parseInt(group, 16) & 0xff]),
  );
}

/** Whether both mean one address, in 4 bytes or in 16. */
export function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  const [shortA, shortB] = [shorten(a), shorten(b)];
  if (shortA.length !== shortB.length) return false;
  for (let i = 0; i < shortA.length; i++) if (shortA[i] !== shortB[i]) return false;
  return true;
}

function shorten(address: Uint8Array): Uint8Array {
  return address.length === 16 && isMappedV4(address) ? address.subarray(12) : address;
}

/** RFC 4291 §2.5.5.2: ::ffff:a.b.c.d. */
function isMappedV4(address: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (address[i] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
}

function quadOf(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

function groupsOfQuad(quad: Uint8Array): string {
  const [a = 0, b = 0, c = 0, d = 0] = quad;
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** RFC 5952 §4.2: the first longest run of two or more zero groups becomes "::". */
function compressZeros(groups: readonly number[]): string {
  let [start, length] = [-1, 1];
  for (let i = 0; i < groups.length; i++) {
    let run = 0;
    while (groups[i + run] === 0) run += 1;
    if (run > length) [start, length] = [i, run];
    i += run;
  }
  const text = groups.map((group) => group.toString(16));
  if (start < 0) return text.join(":");
  return `${text.slice(0, start).join(":")}::${text.slice(start + length).join(":")}`;
}
