import { matchesRoom, roomOf } from "./rooms.ts";
import { isNode, type Node, type Source } from "./source.ts";
import type { Violation } from "./violation.ts";

/** Rooms whose files are programs: they do something when they are loaded. */
const PROGRAM_ROOMS: readonly string[] = ["cli", "os-image", "bench", "test", "scripts", "ui"];
const PROGRAM_FILES = /^sim\/run\.ts$|-worker\.ts$/;

const STATEMENTS_WITHOUT_EFFECT =
  /^(Import|Export|TS)|^(VariableDeclaration|FunctionDeclaration|ClassDeclaration|EmptyStatement)$/;

/** Modules keep no state and do nothing when imported, so that two nodes can live in one process. */
export function checkModuleState(source: Source): Violation[] {
  const room = roomOf(source.path);
  if (room === undefined || PROGRAM_FILES.test(source.path)) return [];
  if (PROGRAM_ROOMS.some((pattern) => matchesRoom(pattern, room))) return [];
  return source.body.flatMap((statement) => {
    const inner = isNode(statement["declaration"]) ? statement["declaration"] : statement;
    return problemsOf(inner).map((message) => ({
      rule: "module-state",
      path: source.path,
      line: source.lineOf(inner),
      message,
    }));
  });
}

function problemsOf(statement: Node): string[] {
  if (statement.type === "ImportDeclaration" && (statement["specifiers"] as Node[]).length === 0) {
    return ["an import for its side effects alone"];
  }
  if (statement.type !== "VariableDeclaration") {
    return STATEMENTS_WITHOUT_EFFECT.test(statement.type) ? [] : ["a module does nothing when it is imported"];
  }
  if (statement["declare"] === true) return [];
  if (statement["kind"] !== "const") return [`module-level '${String(statement["kind"])}' is state: put it in a value`];
  return (statement["declarations"] as Node[]).flatMap((each) => (isEmptyContainer(each) ? [stateMessage(each)] : []));
}

/**
 * An empty container at module level can only be there to be filled later, unless its type says it is read-only. A WeakMap
 * stays free: what it remembers belongs to a key that the caller owns, so it cannot tie two nodes of one process together.
 */
function isEmptyContainer(declarator: Node): boolean {
  const { init, id } = declarator;
  if (!isNode(init) || isReadonly(id)) return false;
  if (init.type === "ArrayExpression") return (init["elements"] as unknown[]).length === 0;
  if (init.type === "ObjectExpression") return (init["properties"] as unknown[]).length === 0;
  const callee = isNode(init["callee"]) ? String(init["callee"]["name"]) : "";
  if (init.type !== "NewExpression") return false;
  return /^(Map|Set)$/.test(callee) && (init["arguments"] as unknown[]).length === 0;
}

function isReadonly(id: unknown): boolean {
  const annotation = isNode(id) && isNode(id["typeAnnotation"]) ? id["typeAnnotation"]["typeAnnotation"] : undefined;
  if (!isNode(annotation)) return false;
  if (annotation.type === "TSTypeOperator") return annotation["operator"] === "readonly";
  const name = isNode(annotation["typeName"]) ? String(annotation["typeName"]["name"]) : "";
  return name.startsWith("Readonly");
}

function stateMessage(declarator: Node): string {
  const name = isNode(declarator["id"]) ? String(declarator["id"]["name"]) : "?";
  return `'${name}' is a module-level container to be filled: put it in a value (or make its type read-only)`;
}
