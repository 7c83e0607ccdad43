import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

/** The servers of the cluster. */
export const members = withNomad(async ({ nomad, output, flags }) => {
  const { Members: all } = valueOf(await nomad.agent.members());
  if (await printed({ flags, output }, all)) return 0;
  const rows = all.map((one) => [
    one.Name,
    one.Addr,
    String(one.Port),
    one.Status,
    one.Tags["build"] ?? "",
    one.Tags["dc"] ?? "",
  ]);
  for (const line of columns(["Name", "Address", "Port", "Status", "Build", "Datacenter"], rows)) output.line(line);
  return 0;
});
