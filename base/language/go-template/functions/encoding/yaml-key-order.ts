import type { GoKey } from "../../value.ts";

/** The order of yaml.v2: numbers by value before texts, and in texts numbers by value (`a2` before `a10`), others before letters. */
export function compareYamlKeys(a: GoKey, b: GoKey): number {
  if (typeof a === "string" && typeof b === "string") return compareTexts(Array.from(a), Array.from(b));
  if (typeof a === "bigint" && typeof b === "bigint") return a === b ? 0 : a < b ? -1 : 1;
  return typeof a === "bigint" ? -1 : 1;
}

function compareTexts(a: readonly string[], b: readonly string[]): number {
  const shared = Math.min(a.length, b.length);
  let at = 0;
  while (at < shared && a[at] === b[at]) at++;
  if (at === shared) return a.length - b.length;
  const [left = "", right = ""] = [a[at], b[at]];
  const letters = [left, right].map((character) => /\p{L}/u.test(character));
  if (letters[0] === true && letters[1] === true) return order(left, right);
  if (letters[0] === true || letters[1] === true) return letters[1] === true ? -1 : 1;
  // Zeros that follow other digits of a number are not leading ones.
  const inside = (left === "0" || right === "0") && digitsBefore(a, at);
  const [first, second] = [digitsAt(a, at), digitsAt(b, at)];
  const value = (digits: string): bigint => BigInt(`${inside ? "1" : ""}${digits}` || "0");
  if (value(first) !== value(second)) return value(first) < value(second) ? -1 : 1;
  return first.length - second.length || order(left, right);
}

function digitsBefore(text: readonly string[], at: number): boolean {
  for (let index = at - 1; index >= 0 && /\d/.test(text[index] ?? ""); index--) if (text[index] !== "0") return true;
  return false;
}

function digitsAt(text: readonly string[], at: number): string {
  let end = at;
  while (/\d/.test(text[end] ?? "")) end++;
  return text.slice(at, end).join("");
}

function order(a: string, b: string): number {
  const [left = 0, right = 0] = [a.codePointAt(0), b.codePointAt(0)];
  return left - right;
}
