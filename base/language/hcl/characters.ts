/** Identifiers: Unicode's ID_Start or `_`, then ID_Continue or `-` (UAX 31, as HCL has it). */
export function isNameStart(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code < 128) return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
  return /^\p{ID_Start}$/u.test(String.fromCodePoint(text.codePointAt(at) ?? 0));
}

export function isNameContinue(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code < 128) return isNameStart(text, at) || (code >= 48 && code <= 57) || code === 45;
  return /^\p{ID_Continue}$/u.test(String.fromCodePoint(text.codePointAt(at) ?? 0));
}

/** UTF-16 units of the character at an index. */
export function lengthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
