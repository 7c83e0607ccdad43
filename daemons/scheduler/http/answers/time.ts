/** What the API's clients read as "never": the zero time of their language. */
export const NEVER = "0001-01-01T00:00:00Z";

/** Nanoseconds since the epoch as RFC 3339 text with all digits; 0 is {@link NEVER}. */
export function timeText(ns: number): string {
  if (ns <= 0) return NEVER;
  const whole = new Date(Math.floor(ns / 1e6)).toISOString().slice(0, 19);
  const fraction = String(Math.floor(ns % 1e9))
    .padStart(9, "0")
    .replace(/0+$/, "");
  return fraction === "" ? `${whole}Z` : `${whole}.${fraction}Z`;
}
