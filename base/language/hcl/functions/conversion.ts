import { any, Fault, flag, list, number, one, text, type HclFunction } from "./function.ts";
import { isList, typeName } from "../evaluate/value.ts";

export const conversionFunctions: Readonly<Record<string, HclFunction>> = {
  tostring: one(text, (value) => value),
  tonumber: one(number, (value) => value),
  tobool: one(flag, (value) => value),
  type: one(any, (value) => typeName(value).replace(/^an? /, "")),
  alltrue: one(list, (items) => items.every((item) => item === true || item === "true")),
  anytrue: one(list, (items) => items.some((item) => item === true || item === "true")),
  one: one(any, (value) => {
    if (!isList(value)) return value;
    return value.length > 1 ? new Fault(`the list has ${value.length} elements`) : (value[0] ?? null);
  }),
};
