import { withNomad } from "../api/session.ts";

/** Where the browser finds a job, a node or an allocation; nothing is opened. */
export const ui = withNomad(async ({ nomad, operands, output, namespace }) => {
  const [given] = operands;
  output.line(`URL: ${nomad.origin}/ui/${given === undefined ? "" : await pathOf(given)}`);
  return 0;

  async function pathOf(id: string): Promise<string> {
    const allocs = await nomad.allocs.list({ prefix: id, namespace: namespace ?? "*" });
    const [alloc] = allocs.ok && /^[0-9a-f-]{2,36}$/.test(id) ? allocs.value.value : [];
    if (alloc !== undefined) return `allocations/${alloc.ID}`;
    const nodes = await nomad.nodes.list();
    const node = nodes.ok ? nodes.value.value.find((one) => one.Name === id || one.ID.startsWith(id)) : undefined;
    if (node !== undefined) return `clients/${node.ID}`;
    return `jobs/${encodeURIComponent(id)}@${encodeURIComponent(namespace ?? "default")}`;
  }
});
