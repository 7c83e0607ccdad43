import type { Body, BodyItem, Expression, TemplatePart } from "#base/language/hcl/ast.ts";

/** Writes a tree as source text, for the print-parse round trip. */
export function printBody(body: Body, indent = ""): string {
  return body.items.map((item) => printItem(item, indent)).join("");
}

function printItem(item: BodyItem, indent: string): string {
  if (item.kind === "attribute") {
    const name = /^[a-z_][\w-]*$/i.test(item.name) ? item.name : quote(item.name);
    return `${indent}${name} = ${printExpression(item.value)}\n`;
  }
  const labels = item.labels.map((label) => (label.quoted ? quote(label.value) : label.value));
  return `${indent}${[item.type, ...labels].join(" ")} {\n${printBody(item.body, `${indent}  `)}${indent}}\n`;
}

export function printExpression(node: Expression): string {
  switch (node.kind) {
    case "literal":
      return typeof node.value === "string" ? quote(node.value) : String(node.value);
    case "template":
      return `"${node.parts.map(printPart).join("")}"`;
    case "tuple":
      return `[${node.items.map(printExpression).join(", ")}]`;
    case "object":
      return `{${node.items.map((item) => `${key(item.key)} = ${printExpression(item.value)}`).join(", ")}}`;
    case "for-tuple":
      return `[for ${names(node)} in ${printExpression(node.collection)} : ${printExpression(node.value)}${condition(node)}]`;
    case "for-object":
      return `{for ${names(node)} in ${printExpression(node.collection)} : ${printExpression(node.key)} => ${printExpression(node.value)}${node.grouped ? "..." : ""}${condition(node)}}`;
    case "variable":
      return node.name;
    case "get-attribute":
      return `${printExpression(node.object)}.${node.name}`;
    case "get-index":
      return `${printExpression(node.object)}[${printExpression(node.index)}]`;
    case "splat":
      return `${printExpression(node.object)}${node.style === "full" ? "[*]" : ".*"}${printExpression(node.each)}`;
    case "splat-item":
      return "";
    case "call":
      return `${node.name}(${node.arguments.map(printExpression).join(", ")}${node.expandLast ? "..." : ""})`;
    case "unary":
      return `${node.operator}${printExpression(node.operand)}`;
    case "binary":
      return `${printExpression(node.left)} ${node.operator} ${printExpression(node.right)}`;
    case "conditional":
      return `${printExpression(node.condition)} ? ${printExpression(node.then)} : ${printExpression(node.otherwise)}`;
    case "parentheses":
      return `(${printExpression(node.inner)})`;
    case "bad":
      return "<bad>";
  }
}

function printPart(part: TemplatePart): string {
  switch (part.kind) {
    case "text":
      // A sign right before a sequence would read as its escape.
      return quote(part.value).slice(1, -1).replace(/\$$/, "\\u0024").replace(/%$/, "\\u0025");
    case "interpolation":
      return `\${${printExpression(part.value)}}`;
    case "if": {
      const otherwise = part.otherwise.length > 0 ? `%{ else }${part.otherwise.map(printPart).join("")}` : "";
      return `%{ if ${printExpression(part.condition)} }${part.then.map(printPart).join("")}${otherwise}%{ endif }`;
    }
    case "for":
      return `%{ for ${names(part)} in ${printExpression(part.collection)} }${part.parts.map(printPart).join("")}%{ endfor }`;
  }
}

function key(node: Expression): string {
  return node.kind === "literal" || node.kind === "parentheses" ? printExpression(node) : `(${printExpression(node)})`;
}

function names(node: { keyName: string | undefined; valueName: string }): string {
  return node.keyName === undefined ? node.valueName : `${node.keyName}, ${node.valueName}`;
}

function condition(node: { condition: Expression | undefined }): string {
  return node.condition === undefined ? "" : ` if ${printExpression(node.condition)}`;
}

export function quote(text: string): string {
  const escapes: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
  const escaped = text.replace(/[\n\r\t"\\]/g, (character) => escapes[character] ?? "");
  return `"${escaped.replace(/([$%])\{/g, "$1$1{")}"`;
}

/** A tree without its places. */
export function bare(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(bare);
  if (typeof node !== "object" || node === null) return node;
  const places = ["start", "end", "nameSpan", "typeSpan"];
  return Object.fromEntries(
    Object.entries(node).flatMap(([k, value]) => (places.includes(k) ? [] : [[k, bare(value)]])),
  );
}
