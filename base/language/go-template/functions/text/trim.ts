import { isSpace } from "./cases.ts";

/** `strings.TrimSpace`. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charAt(start))) start++;
  while (end > start && isSpace(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/** `strings.Trim`: takes characters of the set from both ends. */
export function trimCutset(text: string, cutset: string): string {
  const set = new Set(cutset);
  const characters = Array.from(text);
  let start = 0;
  let end = characters.length;
  while (start < end && set.has(characters[start] ?? "")) start++;
  while (end > start && set.has(characters[end - 1] ?? "")) end--;
  return characters.slice(start, end).join("");
}
