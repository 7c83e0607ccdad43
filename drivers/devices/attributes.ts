import type { NodeDevice } from "#base/protocol/node.ts";

type Attributes = NodeDevice["Attributes"];
const NONE = { Int: null, Float: null, String: null, Bool: null, Unit: "" };

/** Texts and whole numbers as the API spells attributes; what is empty or undefined is left out. */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): Attributes {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]): [string, Attributes[string]][] => {
      if (value === undefined || value === "") return [];
      return [[name, typeof value === "number" ? { ...NONE, Int: value } : { ...NONE, String: value }]];
    }),
  );
}
