/** What a template is made of. `position` is an offset into the template's text, in UTF-16 units. */
export type Node = Statement | Expression | PipeNode | CommandNode;

export type Statement = TextNode | ActionNode | BranchNode | TemplateNode | JumpNode;

export type Expression =
  | IdentifierNode
  | VariableNode
  | FieldNode
  | ChainNode
  | DotNode
  | NilNode
  | BoolNode
  | NumberNode
  | StringNode
  | PipeNode;

export interface ListNode {
  readonly nodes: readonly Statement[];
}

export interface TextNode {
  readonly kind: "text";
  readonly position: number;
  readonly text: string;
}

export interface ActionNode {
  readonly kind: "action";
  readonly position: number;
  readonly pipe: PipeNode;
}

export interface BranchNode {
  readonly kind: "if" | "range" | "with";
  readonly position: number;
  readonly pipe: PipeNode;
  readonly list: ListNode;
  readonly elseList: ListNode | undefined;
}

export interface TemplateNode {
  readonly kind: "template";
  readonly position: number;
  readonly name: string;
  readonly pipe: PipeNode | undefined;
}

export interface JumpNode {
  readonly kind: "break" | "continue";
  readonly position: number;
}

export interface PipeNode {
  readonly kind: "pipe";
  readonly position: number;
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly declarations: readonly VariableNode[];
  readonly commands: readonly CommandNode[];
}

export interface CommandNode {
  readonly kind: "command";
  readonly position: number;
  readonly first: Expression;
  readonly rest: readonly Expression[];
}

export interface IdentifierNode {
  readonly kind: "identifier";
  readonly position: number;
  readonly name: string;
}

export interface VariableNode {
  readonly kind: "variable";
  readonly position: number;
  /** With its `$`. */
  readonly name: string;
  readonly fields: readonly string[];
}

export interface FieldNode {
  readonly kind: "field";
  readonly position: number;
  readonly fields: readonly string[];
}

export interface ChainNode {
  readonly kind: "chain";
  readonly position: number;
  readonly node: Expression;
  readonly fields: readonly string[];
}

export interface DotNode {
  readonly kind: "dot";
  readonly position: number;
}

export interface NilNode {
  readonly kind: "nil";
  readonly position: number;
}

export interface BoolNode {
  readonly kind: "bool";
  readonly position: number;
  readonly value: boolean;
}

/** A constant may stand for several types; the one it is used for decides. */
export interface NumberNode {
  readonly kind: "number";
  readonly position: number;
  readonly text: string;
  readonly int: bigint | undefined;
  readonly uint: bigint | undefined;
  readonly float: number | undefined;
  readonly complex: { readonly real: number; readonly imaginary: number } | undefined;
}

export interface StringNode {
  readonly kind: "string";
  readonly position: number;
  readonly quoted: string;
  readonly text: string;
}

/** One template of a set. */
export interface Tree {
  readonly name: string;
  /** The file it was read from, as errors name it. */
  readonly parseName: string;
  readonly text: string;
  readonly root: ListNode;
}
