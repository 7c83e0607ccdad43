import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

const ChecksSchema = v.record(v.string(), v.object({ CheckID: v.string(), ServiceID: v.string(), Notes: v.string() }));
const NODE = "_node_maintenance";
const SERVICE = "_service_maintenance:";

/** Takes the node or a service out of service, back in, or says what is out. */
export const maint = withConsul(async ({ consul, output, flags }) => {
  const [enable, disable, service] = [flags.on("enable"), flags.on("disable"), flags.value("service")];
  if (enable && disable) throw new UsageError("-enable and -disable exclude each other");
  if (!enable && !disable) {
    const checks = valueOf(await consul.call({ path: "/v1/agent/checks", schema: ChecksSchema }));
    for (const { CheckID, ServiceID, Notes } of Object.values(checks)) {
      if (CheckID === NODE) output.line(`Node:\n  Reason: ${Notes}`);
      else if (CheckID.startsWith(SERVICE)) output.line(`Service:\n  ID:     ${ServiceID}\n  Reason: ${Notes}`);
    }
    return 0;
  }
  const path =
    service === undefined ? "/v1/agent/maintenance" : `/v1/agent/service/maintenance/${encodeURIComponent(service)}`;
  const query = { enable: String(enable), reason: flags.value("reason") };
  valueOf(await consul.call({ method: "PUT", path, query, schema: v.unknown() }));
  const what = service === undefined ? "Node" : `Service ${service}`;
  output.line(`${what} maintenance is now ${enable ? "enabled" : "disabled"}`);
  return 0;
});
