import { sortedEntries } from "../format/map-order.ts";
import { textOf } from "../format/sprintf.ts";
import type { BranchNode, ListNode } from "../parse/node.ts";
import { isMap, isSlice, plain, typeOf } from "../type-of.ts";
import { uint8Type } from "../type.ts";
import { GoInteger, type GoKey, type GoValue } from "../value.ts";
import { holdsInterfaces } from "./field.ts";
import type { Evaluated, Frame, Signal } from "./frame.ts";
import { compilePipeline, setVariable } from "./pipeline.ts";
import { plainTextOf } from "./print-value.ts";
import type { Scope } from "./scope.ts";

type Execute = (frame: Frame) => Signal;

/** One loop: where its variables are, what it runs. */
interface Loop {
  readonly index: number | undefined;
  readonly element: number | undefined;
  readonly body: Execute;
  /** The elements were held as `interface {}`. */
  readonly boxed: boolean;
}

/** `{{range}}`, over lists, maps by sorted key, bytes and numbers up to an integer. */
export function compileRange(scope: Scope, node: BranchNode, compileList: (list: ListNode) => Execute): Execute {
  const { evaluate, slots } = compilePipeline(scope, node.pipe);
  const [first, second] = slots;
  const names = node.pipe.declarations.length;
  const variables = names > 1 ? { index: first, element: second } : { index: undefined, element: first };
  const body = scope.within(() => compileList(node.list));
  const otherwise = node.elseList === undefined ? undefined : compileList(node.elseList);
  return (frame) => {
    frame.node = node;
    frame.step();
    const value = evaluate(frame);
    const { dot, dotBoxed } = frame;
    const loop: Loop = { ...variables, body, boxed: holdsInterfaces(value) };
    const ran = iterate(frame, value, { loop, names });
    frame.dot = dot;
    frame.dotBoxed = dotBoxed;
    return ran || otherwise === undefined ? "next" : otherwise(frame);
  };
}

/** Whether there was anything to iterate over. */
function iterate(
  frame: Frame,
  value: Evaluated,
  { loop, names }: { readonly loop: Loop; readonly names: number },
): boolean {
  if (value === undefined || value === null) return false;
  const bare = plain(value);
  if (isSlice(bare)) return overSlice(frame, bare, loop);
  if (isMap(bare)) return overMap(frame, bare, loop);
  if (bare instanceof Uint8Array) {
    return overSlice(
      frame,
      Array.from(bare, (byte) => new GoInteger(uint8Type, BigInt(byte))),
      loop,
    );
  }
  const count = typeof bare === "bigint" ? bare : bare instanceof GoInteger ? bare.value : undefined;
  if (count === undefined) return frame.fail(`range can't iterate over ${plainTextOf(value)}`);
  if (names > 1) frame.fail(`can't use ${textOf(value)} to iterate over more than one variable`);
  const type = bare instanceof GoInteger ? bare.type : undefined;
  for (let at = 0n; at < count; at++) {
    if (!once(frame, loop, { index: undefined, element: type === undefined ? at : new GoInteger(type, at) })) break;
  }
  return count > 0n;
}

function overSlice(frame: Frame, items: readonly GoValue[], loop: Loop): boolean {
  for (let at = 0; at < items.length; at++) {
    const element = items[at];
    if (!once(frame, loop, { index: loop.index === undefined ? undefined : BigInt(at), element })) break;
  }
  return items.length > 0;
}

function overMap(frame: Frame, map: ReadonlyMap<GoKey, GoValue>, loop: Loop): boolean {
  const keyType = typeOf(map).key;
  for (const [key, element] of sortedEntries(map)) {
    const plainKey = typeof key === "string" || keyType === undefined || keyType.kind === "int";
    if (!once(frame, loop, { index: plainKey ? key : new GoInteger(keyType, key), element })) break;
  }
  return map.size > 0;
}

/** `false`: the loop was left. */
function once(
  frame: Frame,
  loop: Loop,
  { index, element }: { readonly index: Evaluated; readonly element: Evaluated },
): boolean {
  frame.step();
  if (loop.element !== undefined) {
    frame.variables[loop.element] = element;
    frame.boxed[loop.element] = loop.boxed;
  }
  if (loop.index !== undefined) setVariable(frame, loop.index, index);
  frame.dot = element;
  frame.dotBoxed = loop.boxed;
  return loop.body(frame) !== "break";
}
