import test from "ava";
import { goFunction, variadic } from "#base/language/go-template/function.ts";
import { isAssignable, takeAny, takeInt, takeString, takeStrings } from "#base/language/go-template/param.ts";
import { integerOf, typeOf } from "#base/language/go-template/type-of.ts";
import {
  anySliceType,
  int64Type,
  pointerType,
  sliceType,
  stringSliceType,
  stringType,
  structType,
} from "#base/language/go-template/type.ts";
import { GoNamed, GoStruct } from "#base/language/go-template/struct.ts";
import { GoError, GoFunction, GoInteger, GoSlice, mapOf, sliceOf } from "#base/language/go-template/value.ts";

const context = { render: () => new GoError("there is no rendering here") };

test("functions declare what they take and receive it typed", (t) => {
  const repeat = goFunction([takeString, takeInt], (text, count) => text.repeat(Number(count)));
  t.true(repeat instanceof GoFunction);
  t.is(repeat.call(["ab", 2n], context), "abab");
  t.is(repeat.type.name, "func(string, int) interface {}");
  const join = variadic([takeString], takeAny, ([separator], rest) => rest.map(String).join(separator));
  t.is(join.call(["-", 1n, "x"], context), "1-x");
  t.is(repeat.params[0]?.take(1n), undefined);
});

test("types: slices, named slices, named numbers, pointers", (t) => {
  const tags = sliceOf(sliceType(stringType, "dependency.ServiceTags"), ["a", "b"]);
  t.true(tags instanceof GoSlice);
  t.deepEqual([...tags], ["a", "b"]);
  t.is(typeOf(tags).name, "dependency.ServiceTags");
  t.deepEqual(takeStrings.take(tags), ["a", "b"]);
  t.is(takeStrings.take(["a"]), undefined, "[]interface {} is no []string");
  t.true(isAssignable(stringSliceType, typeOf(tags)));
  t.false(isAssignable(anySliceType, stringSliceType));
  t.is(typeOf(tags.map((each) => each)).name, "[]interface {}");
  t.is(
    integerOf(new GoNamed({ type: { name: "time.Duration", kind: "int64" }, value: new GoInteger(int64Type, 5n) })),
    5n,
  );
  const node = new GoStruct({ type: pointerType(structType("dependency.Node")), fields: { Node: "n1" } });
  t.is(typeOf(node).name, "*dependency.Node");
  t.is(node.field("Node"), "n1");
  t.is(node.field("constructor"), undefined);
  t.is(typeOf(mapOf({ name: "map[string]int", kind: "map" }, [])).name, "map[string]int");
});
