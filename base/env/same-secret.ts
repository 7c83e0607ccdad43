import { timingSafeEqual } from "node:crypto";
import { utf8 } from "./bytes.ts";

/** Whether two secrets are the same, in a time that does not tell how much of both is. */
export function isSameSecret(a: string, b: string): boolean {
  const [left, right] = [utf8(a), utf8(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
