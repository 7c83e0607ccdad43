import { parseSync } from "oxc-parser";

/** One node of the syntax tree (ESTree with TypeScript nodes); fields are read by name. */
export type Node = { type: string; start: number; end: number; [field: string]: unknown };

export type Import = { specifier: string; typeOnly: boolean; names: string[]; line: number };

export type Source = {
  path: string;
  text: string;
  body: Node[];
  imports: Import[];
  lineOf(node: Node): number;
};

/** Parses one TypeScript file; `undefined` when it has a syntax error (the type checker reports those). */
export function parseSource(path: string, text: string): Source | undefined {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) return undefined;
  const lineOf = (node: Node) => text.slice(0, node.start).split("\n").length;
  const body = program.body as unknown as Node[];
  const imports: Import[] = [];
  for (const node of body) {
    walk(node, (inner) => {
      const found = importOf(inner);
      if (found) imports.push({ ...found, line: lineOf(inner) });
    });
  }
  return { path, text, body, imports, lineOf };
}

/** Calls `visit` for a node and everything below it. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const child of childrenOf(node)) walk(child, visit);
}

export function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  );
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function importOf(node: Node): Omit<Import, "line"> | undefined {
  const specifier = isNode(node["source"]) ? node["source"]["value"] : undefined;
  if (typeof specifier !== "string") return undefined;
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration": {
      const specifiers = (node["specifiers"] as Node[] | undefined) ?? [];
      const isType = (part: Node) => part["importKind"] === "type" || part["exportKind"] === "type";
      return {
        specifier,
        typeOnly: isType(node) || (specifiers.length > 0 && specifiers.every(isType)),
        names: specifiers.filter((part) => !isType(part)).map(importedName),
      };
    }
    case "ImportExpression":
      return { specifier, typeOnly: false, names: ["*"] };
    case "TSImportType":
      return { specifier, typeOnly: true, names: [] };
    default:
      return undefined;
  }
}

function importedName(part: Node): string {
  const imported = part.type === "ExportSpecifier" ? part["local"] : part["imported"];
  if (!isNode(imported)) return part.type === "ImportDefaultSpecifier" ? "default" : "*";
  return String(imported["name"] ?? imported["value"]);
}
