import { GLOBAL } from "#base/protocol/keys.ts";
import { catalogChecks, catalogNodes, catalogServices } from "#base/state/tables.ts";
import type { SerfMember } from "../serf/core/member.ts";
import { API_VERSION, type ConsulDeps } from "./consul-deps.ts";

const GOSSIP_PORT = 8301;
/** The numbers of Serf's states, as clients of the API know them. */
const STATUS: Readonly<Record<SerfMember["status"], number>> = { none: 0, alive: 1, leaving: 2, left: 3, failed: 4 };

/** Members as gossip knows them, or without it the nodes that run an agent: those with a gossip check in the catalog. */
export function membersOf(deps: ConsulDeps) {
  const { gossip } = deps.surroundings;
  return gossip === undefined ? catalogued(deps) : gossip.serf.members().map(answer);
}

/** Nodes whose gossip check is critical. */
export function failedNodes({ view }: ConsulDeps): ReadonlySet<string> {
  const critical = [...view.table(catalogChecks).by("status", "critical")];
  return new Set(critical.filter((row) => row.value.CheckID === "serfHealth").map((row) => row.value.Node));
}

function answer({ name, host, port, tags, status, versions }: SerfMember) {
  const [ProtocolMin = 0, ProtocolMax = 0, ProtocolCur = 0, DelegateMin = 0, DelegateMax = 0, DelegateCur = 0] =
    versions;
  return {
    Name: name,
    Addr: host,
    Port: port,
    Tags: tags,
    Status: STATUS[status],
    ProtocolMin,
    ProtocolMax,
    ProtocolCur,
    DelegateMin,
    DelegateMax,
    DelegateCur,
  };
}

function catalogued(deps: ConsulDeps) {
  const { view, config } = deps;
  const failed = failedNodes(deps);
  const servers = new Set([...view.table(catalogServices).by("service", "consul")].map((row) => row.value.Node));
  return [...view.table(catalogNodes).list(GLOBAL)]
    .filter((row) => view.table(catalogChecks).get(GLOBAL, `${row.id}/serfHealth`) !== undefined)
    .map(({ value }) => ({
      Name: value.Node,
      Addr: value.Address,
      Port: GOSSIP_PORT,
      Tags: {
        role: servers.has(value.Node) ? "consul" : "node",
        dc: config.datacenter,
        id: value.ID,
        build: API_VERSION,
      },
      Status: failed.has(value.Node) ? STATUS.failed : STATUS.alive,
      ProtocolMin: 1,
      ProtocolMax: 5,
      ProtocolCur: 2,
      DelegateMin: 2,
      DelegateMax: 5,
      DelegateCur: 4,
    }));
}
