import type { Expression } from "../parse/node.ts";
import { showNode } from "../parse/show-node.ts";
import { typeOf } from "../type-of.ts";
import { isNilable, type GoType } from "../type.ts";
import { GoComplex, GoFloat32, GoInteger, type GoValue, type Param } from "../value.ts";
import type { Evaluated, Frame } from "./frame.ts";

/** One argument of a call. */
export interface Argument {
  /** For the parameter it goes to. */
  readonly take: (frame: Frame, param: Param<unknown>) => unknown;
  /** As it is, for functions that look at any value. */
  readonly raw: (frame: Frame) => Evaluated;
}

/** The parameter of built-in functions that look at values as they are, absent ones too. */
export const takeReflect: Param<Evaluated> = {
  type: { name: "reflect.Value", kind: "struct" },
  take: (value) => value,
};

/** What the function receives for a value; fails in Go's words where it is not assignable. */
export function takeValue(frame: Frame, value: Evaluated, param: Param<unknown>): unknown {
  if (param === takeReflect) return value;
  if (value === undefined) {
    if (!isNilable(param.type)) frame.fail(`invalid value; expected ${param.type.name}`);
    return param.take(null);
  }
  const taken = value === null && param.type.kind !== "interface" ? undefined : param.take(value);
  if (taken === undefined) {
    frame.fail(`wrong type for value; expected ${param.type.name}; got ${typeOf(value).name}`);
  }
  return taken;
}

/** A constant takes the parameter's type where Go lets it. `undefined`: the node is no constant. */
export function constantArgument(node: Expression): Argument | undefined {
  switch (node.kind) {
    case "nil":
      return {
        raw: () => undefined,
        take: (frame, param) => {
          frame.node = node;
          if (param === takeReflect) return undefined;
          return isNilable(param.type) ? param.take(null) : frame.fail(`cannot assign nil to ${param.type.name}`);
        },
      };
    case "bool":
    case "number":
    case "string":
      return {
        raw: (frame) => {
          frame.node = node;
          return idealConstant(frame, node);
        },
        take: (frame, param) => {
          frame.node = node;
          return constantFor(frame, node, param);
        },
      };
    default:
      return undefined;
  }
}

type Constant = Extract<Expression, { readonly kind: "bool" | "number" | "string" }>;

function constantFor(frame: Frame, node: Constant, param: Param<unknown>): unknown {
  const { type } = param;
  if (type.kind === "interface" || param === takeReflect) return param.take(idealConstant(frame, node));
  const wanted = wantedConstant(type);
  if (wanted === undefined) return frame.fail(`can't handle ${showNode(node)} for arg of type ${type.name}`);
  const value = convertConstant(node, type);
  return value === undefined ? frame.fail(`expected ${wanted}; found ${showNode(node)}`) : param.take(value);
}

function wantedConstant({ kind }: GoType): string | undefined {
  if (kind === "bool" || kind === "string") return kind;
  if (kind.startsWith("int") && kind !== "interface") return "integer";
  if (kind.startsWith("uint")) return "unsigned integer";
  if (kind.startsWith("float")) return "float";
  return kind === "complex128" ? "complex" : undefined;
}

function convertConstant(node: Constant, type: GoType): GoValue | undefined {
  if (node.kind === "bool") return type.kind === "bool" ? node.value : undefined;
  if (node.kind === "string") return type.kind === "string" ? node.text : undefined;
  switch (wantedConstant(type)) {
    case "integer":
      return node.int === undefined ? undefined : type.kind === "int" ? node.int : new GoInteger(type, node.int);
    case "unsigned integer":
      return node.uint === undefined ? undefined : new GoInteger(type, node.uint);
    case "float":
      if (node.float === undefined) return undefined;
      return type.kind === "float32" ? new GoFloat32(node.float) : node.float;
    case "complex":
      return node.complex === undefined ? undefined : new GoComplex(node.complex.real, node.complex.imaginary);
    default:
      return undefined;
  }
}

/** The value of a constant where its syntax alone says the type: no unsigned integers. */
export function idealConstant(frame: Frame, node: Constant): GoValue {
  if (node.kind === "bool") return node.value;
  if (node.kind === "string") return node.text;
  frame.node = node;
  if (node.complex !== undefined) return new GoComplex(node.complex.real, node.complex.imaginary);
  const isHex = /^0[xX][^pP]+$/.test(node.text);
  const isFloat = node.float !== undefined && !isHex && !node.text.startsWith("'") && /[.eEpP]/.test(node.text);
  if (isFloat && node.float !== undefined) return node.float;
  return node.int ?? frame.fail(`${node.text} overflows int`);
}
