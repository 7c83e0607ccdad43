import { HttpError } from "#base/http/http-error.ts";

/** What an offset of a stream is counted from: on from the start, or back from the end. */
export function originOf(origin: string): "start" | "end" {
  if (origin === "start" || origin === "end") return origin;
  throw new HttpError(400, `origin must be start or end, got ${JSON.stringify(origin)}`);
}
