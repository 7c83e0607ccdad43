import { fail, succeed, type Result } from "#base/env/errors.ts";
import { parseDuration } from "#base/language/duration.ts";
import { INFINITE_MS } from "./settings.ts";

/** Milliseconds; whole days are taken too. Undefined where it does not read or is not above zero. */
export function readTime(text: string): number | undefined {
  if (text === "infinite") return INFINITE_MS;
  const days = /^([0-9]{1,5})d$/.exec(text)?.[1];
  const ms = days === undefined ? (parseDuration(text) ?? 0) / 1e6 : Number(days) * 86_400_000;
  return ms >= 1000 ? Math.floor(ms) : undefined;
}

/** Compiles every item; the first failure says which it was. */
export function each<I, O>(
  items: readonly I[],
  name: string,
  compile: (item: I, index: number) => Result<O>,
): Result<readonly O[]> {
  const done: O[] = [];
  for (const [index, item] of items.entries()) {
    const compiled = compile(item, index);
    if (!compiled.ok) {
      const { code, message, hint } = compiled.error;
      return fail(code, `${name}[${index}]: ${message}`, hint);
    }
    done.push(compiled.value);
  }
  return succeed(done);
}
