import type { Span } from "./source.ts";

/** The syntax tree of HCL's native syntax (https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md). Every node is a span. */
export interface Body extends Span {
  readonly kind: "body";
  /** Attributes and blocks in the order of the file. */
  readonly items: readonly BodyItem[];
}

export type BodyItem = Attribute | Block;

export interface Attribute extends Span {
  readonly kind: "attribute";
  readonly name: string;
  readonly nameSpan: Span;
  readonly value: Expression;
}

export interface Block extends Span {
  readonly kind: "block";
  readonly type: string;
  readonly typeSpan: Span;
  readonly labels: readonly Label[];
  readonly body: Body;
}

export interface Label extends Span {
  readonly value: string;
  readonly quoted: boolean;
}

export type Expression =
  | Literal
  | Template
  | Tuple
  | ObjectConstructor
  | ForTuple
  | ForObject
  | Variable
  | GetAttribute
  | GetIndex
  | Splat
  | SplatItem
  | Call
  | Unary
  | Binary
  | Conditional
  | Parentheses
  | Bad;

/** A number, `true`, `false`, `null`, or a string without sequences. */
export interface Literal extends Span {
  readonly kind: "literal";
  readonly value: string | number | boolean | null;
}

export interface Template extends Span {
  readonly kind: "template";
  readonly parts: readonly TemplatePart[];
}

export type TemplatePart = TemplateText | Interpolation | TemplateIf | TemplateFor;

export interface TemplateText extends Span {
  readonly kind: "text";
  readonly value: string;
}

export interface Interpolation extends Span {
  readonly kind: "interpolation";
  readonly value: Expression;
}

export interface TemplateIf extends Span {
  readonly kind: "if";
  readonly condition: Expression;
  readonly then: readonly TemplatePart[];
  readonly otherwise: readonly TemplatePart[];
}

export interface TemplateFor extends Span {
  readonly kind: "for";
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
  readonly parts: readonly TemplatePart[];
}

export interface Tuple extends Span {
  readonly kind: "tuple";
  readonly items: readonly Expression[];
}

export interface ObjectConstructor extends Span {
  readonly kind: "object";
  readonly items: readonly ObjectItem[];
}

/** A bare-word key is a string literal; any other key is an expression. */
export interface ObjectItem extends Span {
  readonly key: Expression;
  readonly value: Expression;
}

interface ForParts extends Span {
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
  readonly value: Expression;
  readonly condition: Expression | undefined;
}

export interface ForTuple extends ForParts {
  readonly kind: "for-tuple";
}

export interface ForObject extends ForParts {
  readonly kind: "for-object";
  readonly key: Expression;
  /** `...` after the value: values of equal keys are collected in a list. */
  readonly grouped: boolean;
}

export interface Variable extends Span {
  readonly kind: "variable";
  readonly name: string;
}

export interface GetAttribute extends Span {
  readonly kind: "get-attribute";
  readonly object: Expression;
  readonly name: string;
}

export interface GetIndex extends Span {
  readonly kind: "get-index";
  readonly object: Expression;
  readonly index: Expression;
}

/** `list.*.name` (attribute) or `list[*].name[0]` (full): `each` is evaluated for every element. */
export interface Splat extends Span {
  readonly kind: "splat";
  readonly style: "attribute" | "full";
  readonly object: Expression;
  /** Steps that begin at a {@link SplatItem}. */
  readonly each: Expression;
}

/** The element a splat is at. */
export interface SplatItem extends Span {
  readonly kind: "splat-item";
}

export interface Call extends Span {
  readonly kind: "call";
  readonly name: string;
  readonly nameSpan: Span;
  readonly arguments: readonly Expression[];
  /** `...` after the last argument: its elements are the remaining arguments. */
  readonly expandLast: boolean;
}

export interface Unary extends Span {
  readonly kind: "unary";
  readonly operator: "-" | "!";
  readonly operand: Expression;
}

export type BinaryOperator = "||" | "&&" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "+" | "-" | "*" | "/" | "%";

export interface Binary extends Span {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

export interface Conditional extends Span {
  readonly kind: "conditional";
  readonly condition: Expression;
  readonly then: Expression;
  readonly otherwise: Expression;
}

export interface Parentheses extends Span {
  readonly kind: "parentheses";
  readonly inner: Expression;
}

/** Stands where no expression could be read; a diagnostic says why. */
export interface Bad extends Span {
  readonly kind: "bad";
}
