import { SERVICE_PRESETS } from "../../filter/service-presets.ts";
import type { AdGuardClient, AdGuardFile, AdGuardServices } from "./adguard-file.ts";
import type { Imported } from "./imported.ts";

/** Services and safe search of everybody become those of the default group; those of a client a group of its own. */
export function importClients({ dns, filtering, clients }: AdGuardFile, imported: Imported): void {
  const isSafe = filtering?.safe_search?.enabled ?? dns?.safe_search?.enabled ?? false;
  const everybodys = servicesOf(filtering?.blocked_services ?? dns?.blocked_services, "everybody", imported);
  if (everybodys.length > 0 || isSafe) imported.defaultGroup({ services: everybodys, safeSearch: isSafe });
  const persistent = Array.isArray(clients) ? clients : (clients?.persistent ?? []);
  for (const client of persistent) {
    const groups = groupsOf(client, imported);
    for (const match of client.ids ?? [])
      imported.addClient({
        match: match.toLowerCase(),
        groups,
        servers: client.upstreams ?? [],
        comment: client.name,
      });
  }
}

function groupsOf(client: AdGuardClient, imported: Imported): readonly number[] {
  const hasOwnSettings = client.use_global_settings === false;
  // Lists and rules hold for whom the default group is; without it none does.
  const groups = hasOwnSettings && client.filtering_enabled === false ? [] : [0];
  const services =
    client.use_global_blocked_services === false
      ? servicesOf(client.blocked_services, `client ${client.name}`, imported)
      : [];
  const safeSearch = hasOwnSettings && client.safe_search?.enabled === true;
  if (services.length === 0 && !safeSearch) return groups;
  return [...groups, imported.group(client.name, { services, safeSearch })];
}

function servicesOf(given: AdGuardServices, whose: string, imported: Imported): readonly string[] {
  const ids = (Array.isArray(given) ? given : given?.ids) ?? [];
  const schedule = Array.isArray(given) ? {} : (given?.schedule ?? {});
  if (ids.length > 0 && Object.keys(schedule).some((key) => key !== "time_zone"))
    imported.leave(`blocked services of ${whose}: their pauses; give the group schedules`);
  const unknown = ids.filter((service) => !Object.hasOwn(SERVICE_PRESETS, service));
  if (unknown.length > 0) imported.leave(`blocked services of ${whose}: there is no preset of ${unknown.join(", ")}`);
  return ids.filter((service) => Object.hasOwn(SERVICE_PRESETS, service));
}
