import { childrenOf, isNode, type Node } from "./source.ts";

/** Names looked up in no scope of the file, i.e. globals: calls `visit` with the identifier and its parent. */
export function visitGlobals(body: readonly Node[], visit: (name: string, node: Node, parent: Node) => void): void {
  const program: Node = { type: "Program", start: 0, end: 0, body };
  visitScope(program, [], visit);
}

type Visit = (name: string, node: Node, parent: Node) => void;

function visitScope(node: Node, scopes: readonly Set<string>[], visit: Visit): void {
  const inner = opensScope(node) ? [...scopes, declaredIn(node)] : scopes;
  for (const [field, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []) {
      // Types are erased: a type called `process` has no effect.
      if (child.type.startsWith("TS") && !VALUE_WRAPPERS.includes(child.type)) continue;
      if (child.type !== "Identifier") visitScope(child, inner, visit);
      else if (isReference(node, field) && !inner.some((scope) => scope.has(nameOf(child)))) {
        visit(nameOf(child), child, node);
      }
    }
  }
}

const VALUE_WRAPPERS: readonly string[] = [
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "TSInstantiationExpression",
];

/** An identifier that reads a variable, rather than naming a property, a label or an import. */
function isReference(parent: Node, field: string): boolean {
  if (parent["computed"] === true) return true;
  if (parent.type === "MemberExpression") return field !== "property";
  if (["Property", "PropertyDefinition", "MethodDefinition", "AccessorProperty"].includes(parent.type))
    return field !== "key";
  return !/^(Import|Export).*Specifier$|^(Labeled|Break|Continue)Statement$|^MetaProperty$/.test(parent.type);
}

function opensScope(node: Node): boolean {
  return /^(Program|BlockStatement|StaticBlock|CatchClause|SwitchStatement|For\w*Statement|Class\w+)$|Function/.test(
    node.type,
  );
}

/** Names a scope introduces; `var` and function declarations count for the block they stand in, which is enough here. */
function declaredIn(scope: Node): Set<string> {
  const names = new Set<string>();
  for (const field of ["id", "param", "left", "init"]) collect(scope[field], names);
  for (const field of ["params", "body", "cases"]) {
    const value = scope[field];
    for (const item of Array.isArray(value) ? value.filter(isNode) : []) {
      if (item.type === "SwitchCase") for (const inner of childrenOf(item)) collect(inner, names, true);
      else collect(item, names, field === "body");
    }
  }
  return names;
}

function collect(value: unknown, names: Set<string>, statement = false): void {
  if (!isNode(value)) return;
  switch (value.type) {
    case "Identifier":
      if (!statement) names.add(nameOf(value));
      return;
    case "ExportNamedDeclaration":
    case "ExportDefaultDeclaration":
      return collect(value["declaration"], names, true);
    case "ImportDeclaration":
      for (const part of value["specifiers"] as Node[]) collect(part["local"], names);
      return;
    case "VariableDeclaration":
      for (const part of value["declarations"] as Node[]) collect(part["id"], names);
      return;
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return collect(value["id"], names);
    case "ObjectPattern":
      for (const part of value["properties"] as Node[]) collect(part["value"] ?? part["argument"], names);
      return;
    case "ArrayPattern":
      for (const part of value["elements"] as unknown[]) collect(part, names);
      return;
    case "AssignmentPattern":
      return collect(value["left"], names);
    case "RestElement":
      return collect(value["argument"], names);
  }
}

function nameOf(identifier: Node): string {
  return String(identifier["name"]);
}
