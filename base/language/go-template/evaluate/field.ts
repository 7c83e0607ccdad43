import { quote } from "../format/quote.ts";
import { isMap, isSlice, methodOf, typeOf } from "../type-of.ts";
import { GoMap, GoNil, GoObject, GoSlice, type GoKey, type GoValue } from "../value.ts";
import { callFunction, type CallSite } from "./call.ts";
import type { Evaluated, Frame } from "./frame.ts";
import { zeroOf } from "./zero.ts";

/** What a field is taken of. */
export interface Receiver {
  readonly value: Evaluated;
  readonly boxed: boolean;
}

/** Fields after one another; the last may be a method, and then gets the arguments. */
export interface FieldPath {
  readonly names: readonly string[];
  readonly site: CallSite | undefined;
  readonly final: Evaluated;
}

interface FieldUse {
  readonly name: string;
  readonly site: CallSite | undefined;
  readonly final: Evaluated;
}

/** `.a.b.c` of a receiver. */
export function walkFields(frame: Frame, start: Receiver, { names, site, final }: FieldPath): Evaluated {
  let { value, boxed } = start;
  let left = names.length;
  for (const name of names) {
    left--;
    // Keys of plain maps, by far the most common step.
    const found = isMap(value) && site === undefined ? value.get(name) : undefined;
    const next =
      found === undefined
        ? fieldOf(
            frame,
            { value, boxed },
            left === 0 ? { name, site, final } : { name, site: undefined, final: undefined },
          )
        : found;
    boxed = holdsInterfaces(value);
    value = next;
  }
  return value;
}

/** Whether what a container holds is typed `interface {}`. */
export function holdsInterfaces(container: Evaluated): boolean {
  if (isMap(container)) return !(container instanceof GoMap) || container.type.elem?.kind === "interface";
  return isSlice(container) && (!(container instanceof GoSlice) || container.type.elem?.kind === "interface");
}

function fieldOf(frame: Frame, receiver: Receiver, use: FieldUse): Evaluated {
  const { value } = receiver;
  if (isMap(value)) return entryOf(frame, value, { receiver, use });
  if (value === undefined) {
    if (frame.run.missingKey === "error") frame.fail(`nil data; no entry for key ${quote(use.name)}`);
    return undefined;
  }
  if (value === null || value instanceof GoNil) {
    return frame.fail(`nil pointer evaluating ${typeName(receiver)}.${use.name}`);
  }
  const method = methodOf(value, use.name);
  if (method !== undefined) return callMethod(frame, method, use);
  const field = value instanceof GoObject ? value.field(use.name) : undefined;
  if (field !== undefined) {
    if (hasArguments(use)) frame.fail(`${use.name} has arguments but cannot be invoked as function`);
    return field;
  }
  // A named map type: its keys are its fields.
  const inside = value instanceof GoObject ? value.underlying() : undefined;
  if (inside !== undefined && isMap(inside)) return entryOf(frame, inside, { receiver, use });
  return missingField(frame, receiver, use);
}

function callMethod(
  frame: Frame,
  method: Parameters<typeof callFunction>[1],
  { name, site, final }: FieldUse,
): Evaluated {
  const node = frame.node;
  if (node === undefined) return frame.fail(`can't call method ${name}`);
  const used = site === undefined ? { name, node, args: [], piped: false } : { ...site, name };
  return callFunction(frame, method, { site: used, final });
}

function entryOf(
  frame: Frame,
  map: ReadonlyMap<GoKey, GoValue>,
  { receiver, use }: { readonly receiver: Receiver; readonly use: FieldUse },
): Evaluated {
  const type = typeOf(map);
  if (type.key?.kind !== "string") return missingField(frame, receiver, use);
  if (hasArguments(use)) frame.fail(`${use.name} is not a method but has arguments`);
  const found = map.get(use.name);
  if (found !== undefined) return found;
  if (frame.run.missingKey === "error") frame.fail(`map has no entry for key ${quote(use.name)}`);
  return frame.run.missingKey === "zero" && type.elem !== undefined ? zeroOf(type.elem) : undefined;
}

function hasArguments({ site }: FieldUse): boolean {
  return site !== undefined && (site.args.length > 0 || site.piped);
}

function missingField(frame: Frame, receiver: Receiver, { name }: FieldUse): never {
  return frame.fail(`can't evaluate field ${name} in type ${typeName(receiver)}`);
}

function typeName({ value, boxed }: Receiver): string {
  return boxed || value === undefined || value === null ? "interface {}" : typeOf(value).name;
}
