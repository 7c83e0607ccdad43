/**
 * The classes in option 77: RFC 3004 packs them with lengths; many clients (iPXE among them) send plain text instead,
 * which is taken as one class.
 */
export function decodeUserClasses(bytes: Uint8Array): readonly string[] {
  const classes: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at] ?? 0;
    if (length === 0 || at + 1 + length > bytes.length) return [text(bytes)];
    classes.push(text(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return classes;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1").replace(/\0+$/, "");
}
