import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import type { FlagValues } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

export const datacenters = withConsul(async ({ consul, output, flags }) => {
  const found = valueOf(await consul.catalog.datacenters());
  if (!(await printed({ flags, output }, found))) for (const name of found) output.line(name);
  return 0;
});

/** Names of services, with their tags where asked for. */
export const services = withConsul(async ({ consul, output, flags, datacenter }) => {
  const node = flags.value("node");
  const filter = node === undefined ? undefined : `Node == ${JSON.stringify(node)}`;
  const found = valueOf(await consul.catalog.services({ datacenter, filter, meta: metaOf(flags) }));
  const names = Object.keys(found).toSorted();
  if (!(await printed({ flags, output }, found)))
    if (flags.on("tags")) {
      for (const line of columns(
        ["Name", "Tags"],
        names.map((name) => [name, (found[name] ?? []).toSorted().join(",")]),
      ))
        output.line(line);
    } else for (const name of names) output.line(name);
  return 0;
});

/** Nodes of the catalog; with `-service` those that have an instance of it. */
export const nodes = withConsul(async ({ consul, output, flags, datacenter }) => {
  const service = flags.value("service");
  const asked = { near: flags.value("near"), filter: flags.value("filter"), meta: metaOf(flags) };
  const all = valueOf(await consul.catalog.nodes({ datacenter, ...asked }));
  const having =
    service === undefined
      ? undefined
      : new Set(valueOf(await consul.catalog.service(service, { datacenter })).map(({ Node }) => Node));
  const found = having === undefined ? all : all.filter(({ Node }) => having.has(Node));
  if (await printed({ flags, output }, found)) return 0;
  const isLong = flags.on("detailed");
  const heading = ["Node", "ID", "Address", "DC", ...(isLong ? ["TaggedAddresses", "Meta"] : [])];
  const rows = found.map((node) => [
    node.Node,
    isLong ? node.ID : node.ID.slice(0, 8),
    node.Address,
    node.Datacenter,
    ...(isLong ? [pairsText(node.TaggedAddresses), pairsText(node.Meta)] : []),
  ]);
  for (const line of columns(heading, rows)) output.line(line);
  return 0;
});

/** `key=value` as it is typed, `key:value` as it is sent. */
function metaOf(flags: FlagValues): readonly string[] {
  return flags.values("node-meta").map((pair) => pair.replace("=", ":"));
}

function pairsText(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join(", ");
}

/** Instances of a service: where they are, and how they are. Exit code 1: there are none. */
export const service = withConsul(async ({ consul, output, flags, operands, datacenter }) => {
  const [name = ""] = operands;
  const found = valueOf(await consul.health.service(name, { datacenter, passing: flags.on("passing") }));
  if (!(await printed({ flags, output }, found)))
    if (found.length === 0) output.line(`No instances of "${name}"`);
    else {
      const rows = found.map(({ Node: node, Service: instance, Checks: checks }) => [
        instance.ID,
        node.Node,
        `${instance.Address === "" ? node.Address : instance.Address}:${instance.Port}`,
        worstOf(checks.map(({ Status }) => Status)),
        instance.Tags.join(","),
      ]);
      for (const line of columns(["ID", "Node", "Address", "Status", "Tags"], rows)) output.line(line);
    }
  return found.length === 0 ? 1 : 0;
});

function worstOf(statuses: readonly string[]): string {
  if (statuses.includes("critical")) return "critical";
  return statuses.includes("warning") ? "warning" : "passing";
}
