import { quote } from "../format/quote.ts";
import type { CommandNode, Expression, ListNode, Node, PipeNode } from "./node.ts";

/** The node as error messages quote it: normalised source text. */
export function showNode(node: Node): string {
  switch (node.kind) {
    case "text":
      return node.text;
    case "action":
      return `{{${showPipe(node.pipe)}}}`;
    case "if":
    case "range":
    case "with": {
      const otherwise = node.elseList === undefined ? "" : `{{else}}${showList(node.elseList)}`;
      return `{{${node.kind} ${showPipe(node.pipe)}}}${showList(node.list)}${otherwise}{{end}}`;
    }
    case "template":
      return `{{template ${quote(node.name)}${node.pipe === undefined ? "" : ` ${showPipe(node.pipe)}`}}}`;
    case "break":
    case "continue":
      return `{{${node.kind}}}`;
    case "pipe":
      return showPipe(node);
    case "command":
      return showCommand(node);
    default:
      return showExpression(node);
  }
}

function showList(list: ListNode): string {
  return list.nodes.map((node) => showNode(node)).join("");
}

function showPipe(pipe: PipeNode): string {
  const names = pipe.declarations.map(({ name }) => name).join(", ");
  const commands = pipe.commands.map((command) => showCommand(command)).join(" | ");
  return names === "" ? commands : `${names} ${pipe.assigns ? "=" : ":="} ${commands}`;
}

function showCommand(command: CommandNode): string {
  return [command.first, ...command.rest].map((node) => showOperand(node)).join(" ");
}

function showOperand(node: Expression): string {
  return node.kind === "pipe" ? `(${showPipe(node)})` : showExpression(node);
}

function showExpression(node: Expression): string {
  switch (node.kind) {
    case "identifier":
      return node.name;
    case "variable":
      return [node.name, ...node.fields].join(".");
    case "field":
      return node.fields.map((field) => `.${field}`).join("");
    case "chain":
      return `${showOperand(node.node)}${node.fields.map((field) => `.${field}`).join("")}`;
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(node.value);
    case "number":
      return node.text;
    case "string":
      return node.quoted;
    case "pipe":
      return showPipe(node);
    default:
      return node satisfies never;
  }
}
