import type { Data } from "./values.ts";

/** What the corpus and the random templates are rendered with. */
const entries: Readonly<Record<string, Data>> = {
  t: true,
  f: false,
  s: "text",
  e: "",
  u: "höhe ✓ <b>&'\"",
  i: { int: "7" },
  z: { int: "0" },
  n: { int: "-12" },
  big: { int64: "9007199254740993" },
  i8: { int8: "-3" },
  ui: { uint: "7" },
  u8: { uint8: "200" },
  u64: { uint64: "18446744073709551615" },
  fl: { float: "2.5" },
  f32: { float32: "0.1" },
  huge: { float: "1e21" },
  nil: null,
  l: { list: [{ int: "3" }, "b", null, { float: "1.5" }, true] },
  none: { list: [] },
  ss: { strings: ["x", "y", "z"] },
  m: { map: { b: { int: "2" }, a: "one", c: { map: { d: "deep" } } } },
  ms: { texts: { k: "v", j: "w" } },
  mi: { names: { 10: "ten", 9: "nine" } },
  mm: { map: {} },
  by: { bytes: "bytes" },
  lv: { level: "4" },
  fn: { function: "add" },
  svc: {
    service: {
      Name: "web",
      Port: { int: "80" },
      Tags: { tags: ["a", "b"] },
      Meta: { texts: { v: "1" } },
      Node: { node: ["n1", "10.0.0.1"] },
      Any: { list: [{ int: "1" }] },
    },
  },
  bare: { service: { Name: "bare" } },
  svcs: {
    list: [
      { service: { Name: "a", Port: { int: "1" } } },
      { service: { Name: "b", Port: { int: "2" }, Node: { node: ["n2", "10.0.0.2"] } } },
    ],
  },
};

export const data: Data = { map: entries };

/** The same without what is printed as an address. */
export const dataWithoutPointers: Data = withoutPointers();

function withoutPointers(): Data {
  const pointers = new Set(["fn", "svc", "bare", "svcs"]);
  return { map: Object.fromEntries(Object.entries(entries).filter(([key]) => !pointers.has(key))) };
}
