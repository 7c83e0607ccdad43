import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

/** The servers of the cluster. */
export const members = withNomad(async ({ nomad, output, flags }) => {
  const { Members: all } = valueOf(await nomad.agent.members());
  if (await printed({ flags, output }, all)) return 0;
  const isLong = flags.on("verbose") || flags.on("detailed");
  const leader = await nomad.status.leader();
  const rows = all.map(({ Name, Addr, Port, Status, Tags }) => [
    Name,
    Addr,
    String(Port),
    Status,
    String(leader.ok && leader.value.value === `${hostOf(Tags["rpc_addr"] ?? Addr)}:${Tags["port"] ?? ""}`),
    "3",
    Tags["build"] ?? "",
    Tags["dc"] ?? "",
    Tags["region"] ?? "",
    ...(isLong ? [tagText(Tags)] : []),
  ]);
  for (const line of columns(isLong ? [...HEADER, "Tags"] : HEADER, rows)) output.line(line);
  return 0;
});

const HEADER = ["Name", "Address", "Port", "Status", "Leader", "Raft Version", "Build", "Datacenter", "Region"];

function tagText(tags: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(tags).map(([name, value]) => `${name}=${value}`);
  return pairs.toSorted().join(",");
}

function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
