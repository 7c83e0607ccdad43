import { parseTemplate } from "#base/language/go-template/parse-templates.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { UsageError } from "../command/command.ts";

/** An answer through the template of `-t`. Throws a {@link UsageError} with the template's mistake. */
export function renderAnswer(text: string, answer: unknown): string {
  const parsed = parseTemplate({ name: "-t", text });
  if (!parsed.ok) throw new UsageError(parsed.message);
  const rendered = parsed.template.execute(toGo(answer));
  if (!rendered.ok) throw new UsageError(rendered.message);
  return rendered.text;
}

/** Whole numbers become integers, as the API's are. */
function toGo(value: unknown): GoValue {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") return value;
  if (Array.isArray(value)) return value.map((item: unknown) => toGo(item));
  if (typeof value !== "object" || value === null) return null;
  return new Map(Object.entries(value).map(([key, item]) => [key, toGo(item)]));
}
