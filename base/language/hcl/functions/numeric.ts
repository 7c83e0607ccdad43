import { Fault, many, number, one, text, two, whole, type HclFunction } from "./function.ts";

export const numericFunctions: Readonly<Record<string, HclFunction>> = {
  abs: one(number, Math.abs),
  ceil: one(number, Math.ceil),
  floor: one(number, Math.floor),
  signum: one(number, Math.sign),
  max: many(number, (all) => Math.max(...all), 1),
  min: many(number, (all) => Math.min(...all), 1),
  pow: two(number, number, (base, power) => finite(base ** power)),
  log: two(number, number, (value, base) => finite(Math.log(value) / Math.log(base))),
  parseint: two(text, whole, parseInteger),
  sum: many(number, (all) => all.reduce((total, each) => total + each, 0)),
};

function finite(value: number): number | Fault {
  return Number.isFinite(value) ? value : new Fault("the result is no number");
}

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";

function parseInteger(digits: string, base: number): number | Fault {
  if (base < 2 || base > 36) return new Fault("the base must be 2 to 36");
  const plain = digits.toLowerCase().replace(/^[+-]/, "");
  const allowed = DIGITS.slice(0, base);
  if (plain === "" || Array.from(plain).some((digit) => !allowed.includes(digit))) {
    return new Fault(`${JSON.stringify(digits)} is no number of base ${base}`);
  }
  return Number.parseInt(digits, base);
}
