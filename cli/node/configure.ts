import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { show } from "../print/show.ts";

/** The servers the asked agent's client talks to: `-servers` lists them, `-update-servers ADDRESS…` sets them. */
export const configure = withNomad(async (session) => {
  const { nomad, flags, operands, output } = session;
  const path = "/v1/agent/servers";
  if (flags.on("servers") === flags.on("update-servers"))
    throw new UsageError("give either -servers or -update-servers");
  if (flags.on("servers")) {
    const servers = valueOf(await nomad.call({ path, schema: v.array(v.string()) }));
    return show(session, servers, () => servers);
  }
  if (operands.length === 0) throw new UsageError("name at least one server's address");
  valueOf(await nomad.call({ method: "PUT", path, query: { address: operands }, schema: v.unknown() }));
  output.line("Updated server list");
  return 0;
});
