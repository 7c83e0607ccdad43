import type { Output } from "../command/command.ts";

export function printJson(output: Output, value: unknown): void {
  output.line(JSON.stringify(value, (_key, one: unknown) => (typeof one === "bigint" ? String(one) : one), 4));
}
