import type { CatalogCheck } from "#base/protocol/catalog.ts";
import type { Row } from "#base/state/table.ts";
import type { DraftTable } from "./draft.ts";
import type { CatalogOperation, CatalogVerb } from "./operation.ts";
import type { TxnPlan } from "./plan.ts";

/** What keeps an operation on nodes, services or checks from being done; undefined: it is in the plan. */
export function decideCatalog(plan: TxnPlan, operation: CatalogOperation): string | undefined {
  const { verb, index } = operation;
  switch (operation.kind) {
    case "node": {
      const { row } = operation;
      const what = { verb, index, name: `node ${JSON.stringify(row.Node)}` };
      return decideRow({ ...what, id: row.Node, value: row }, plan.nodes, {
        answer: (answered) => plan.results.push({ kind: "node", row: answered }),
        remove: () => removeNode(plan, row.Node),
      });
    }
    case "service": {
      const { row } = operation;
      if (writes(verb) && plan.nodes.get(row.Node) === undefined) return missingNode(row.Node);
      const what = { verb, index, name: `service ${JSON.stringify(row.ID)} on node ${JSON.stringify(row.Node)}` };
      return decideRow({ ...what, id: `${row.Node}/${row.ID}`, value: row }, plan.services, {
        answer: (answered) => plan.results.push({ kind: "service", row: answered }),
        remove: () => removeService(plan, row.Node, row.ID),
      });
    }
    case "check": {
      const { row } = operation;
      const owner = writes(verb) ? ownerOf(plan, row) : { row };
      if ("problem" in owner) return owner.problem;
      const what = { verb, index, name: `check ${JSON.stringify(row.CheckID)} on node ${JSON.stringify(row.Node)}` };
      return decideRow({ ...what, id: `${row.Node}/${row.CheckID}`, value: owner.row }, plan.checks, {
        answer: (answered) => plan.results.push({ kind: "check", row: answered }),
        remove: () => plan.checks.delete(`${row.Node}/${row.CheckID}`),
      });
    }
    default:
      return operation satisfies never;
  }
}

interface Wanted<T> {
  readonly verb: CatalogVerb;
  readonly index: number;
  readonly name: string;
  readonly id: string;
  readonly value: T;
}

function decideRow<T>(
  { verb, index, name, id, value }: Wanted<T>,
  table: DraftTable<T>,
  act: { readonly answer: (row: Row<T>) => void; readonly remove: () => void },
): string | undefined {
  const stored = table.get(id);
  const stale = `failed to ${verb} ${name}: its modify index is ${stored?.modifyIndex ?? 0}, not ${index}`;
  switch (verb) {
    case "get":
      if (stored === undefined) return `${name} doesn't exist`;
      act.answer(stored);
      return undefined;
    case "cas":
      if ((stored?.modifyIndex ?? 0) !== index) return stale;
      act.answer(table.put(id, value));
      return undefined;
    case "set":
      act.answer(stored !== undefined && sameJson(stored.value, value) ? stored : table.put(id, value));
      return undefined;
    case "delete-cas":
      if (stored === undefined || stored.modifyIndex !== index) return stale;
      act.remove();
      return undefined;
    case "delete":
      if (stored !== undefined) act.remove();
      return undefined;
    default:
      return verb satisfies never;
  }
}

function writes(verb: CatalogVerb): boolean {
  return verb === "set" || verb === "cas";
}

/** The check with what the catalog repeats of its service. */
function ownerOf(plan: TxnPlan, row: CatalogCheck): { readonly row: CatalogCheck } | { readonly problem: string } {
  if (plan.nodes.get(row.Node) === undefined) return { problem: missingNode(row.Node) };
  if (row.ServiceID === "") return { row: { ...row, ServiceName: "", ServiceTags: [] } };
  const service = plan.services.get(`${row.Node}/${row.ServiceID}`)?.value;
  if (service === undefined)
    return {
      problem: `Missing service registration: node ${row.Node} has no service ${JSON.stringify(row.ServiceID)}`,
    };
  return { row: { ...row, ServiceName: service.Service, ServiceTags: service.Tags } };
}

function removeNode(plan: TxnPlan, node: string): void {
  for (const row of plan.services.under(`${node}/`)) plan.services.delete(row.id);
  for (const row of plan.checks.under(`${node}/`)) plan.checks.delete(row.id);
  plan.nodes.delete(node);
}

function removeService(plan: TxnPlan, node: string, id: string): void {
  for (const row of plan.checks.under(`${node}/`)) if (row.value.ServiceID === id) plan.checks.delete(row.id);
  plan.services.delete(`${node}/${id}`);
}

function missingNode(node: string): string {
  return `Missing node registration: ${JSON.stringify(node)} is not in the catalog`;
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
