import type { Env } from "#base/env/env.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { CatalogCheck, CatalogNode, CatalogService } from "#base/protocol/catalog.ts";
import type { Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { catalogChecks } from "#base/state/tables.ts";
import { followAliases } from "../checks/alias.ts";
import type { DiscoveryConfig } from "../config.ts";
import { CatalogSync, type WantedRows } from "./catalog-sync.ts";
import { DefinitionFiles } from "./definition-files.ts";
import { LocalState } from "./local-state.ts";
import { nodeCheck } from "./node-checks.ts";
import { RegistrationFiles } from "./registration-files.ts";
import { createTaskServices, type TaskServices } from "./registry.ts";

const CHECK_UPDATE_INTERVAL_MS = 5 * 60_000;

/** This node's agent: what is registered here, its checks, and its rows in the catalog. */
export interface LocalAgent {
  readonly state: LocalState;
  readonly sync: CatalogSync;
  readonly files: RegistrationFiles;
  readonly registry: TaskServices;
  start(): Promise<void>;
  /** Reads the files of definitions again. Rejects with their mistakes. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export interface AgentDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  readonly config: DiscoveryConfig;
}

export function createAgent({ env, store, view, config }: AgentDeps): LocalAgent {
  const { nodeName } = config;
  const remembered = (id: string): CatalogCheck | undefined =>
    view.table(catalogChecks).get(GLOBAL, `${nodeName}/${id}`)?.value;
  const { enableScriptChecks = false, enableLocalScriptChecks = false } = config;
  const state = new LocalState(env, { enableScriptChecks, enableLocalScriptChecks, nodeName }, remembered);
  const checkUpdateIntervalMs = config.checkUpdateIntervalMs ?? CHECK_UPDATE_INTERVAL_MS;
  const sync = new CatalogSync({ env, store, view, wanted: wantedRows(state, config), checkUpdateIntervalMs });
  const files = new RegistrationFiles(env, config.dataDir);
  const { definitions: folder } = config;
  const definitions = folder === undefined ? undefined : new DefinitionFiles(env, folder);
  const stopAliases = followAliases(state, view);
  state.onChange(({ kind, id }) => sync.mark(kind, id));
  return {
    state,
    sync,
    files,
    registry: createTaskServices(state, sync),
    async start() {
      await files.restore(state);
      for (const check of config.nodeChecks ?? []) state.addNodeCheck(nodeCheck(check, config.dataDir ?? "/"));
      await definitions?.load(state);
      await sync.start();
    },
    async reload() {
      await definitions?.load(state);
      await sync.settled();
    },
    async stop() {
      stopAliases();
      await sync.stop();
      state.stop();
      await files.settled();
    },
  };
}

/** What is registered, and what every node says of itself. */
function wantedRows(state: LocalState, config: DiscoveryConfig): WantedRows {
  const node = nodeRow(config);
  const own = config.server === false ? undefined : serverRow(config);
  return {
    node,
    service: (id) => (id === own?.ID ? own : state.services.get(id)?.row),
    check: (id) => (id === SERF_HEALTH ? nodeHealth(config.nodeName) : state.checkRow(id)),
    serviceIds: () => [...state.services.keys(), ...(own === undefined ? [] : [own.ID])],
    checkIds: () => [...state.checks.keys(), SERF_HEALTH],
  };
}

/** The check every node of a gossip pool has; who is asked here is alive. */
const SERF_HEALTH = "serfHealth";

function nodeRow({ nodeId, nodeName, advertiseAddr, datacenter, nodeMeta }: DiscoveryConfig): CatalogNode {
  const family = advertiseAddr.includes(":") ? "ipv6" : "ipv4";
  const addresses = {
    lan: advertiseAddr,
    [`lan_${family}`]: advertiseAddr,
    wan: advertiseAddr,
    [`wan_${family}`]: advertiseAddr,
  };
  return {
    ID: nodeId,
    Node: nodeName,
    Address: advertiseAddr,
    Datacenter: datacenter,
    TaggedAddresses: addresses,
    Meta: { "consul-network-segment": "", ...nodeMeta },
  };
}

function serverRow({ nodeName, httpPort = 8500 }: DiscoveryConfig): CatalogService {
  return {
    Node: nodeName,
    ID: "consul",
    Kind: "",
    Service: "consul",
    Tags: [],
    Address: "",
    TaggedAddresses: {},
    Meta: {},
    Port: httpPort,
    Weights: { Passing: 1, Warning: 1 },
    EnableTagOverride: false,
  };
}

function nodeHealth(node: string): CatalogCheck {
  return {
    Node: node,
    CheckID: SERF_HEALTH,
    Name: "Serf Health Status",
    Status: "passing",
    Notes: "",
    Output: "Agent alive and reachable",
    ServiceID: "",
    ServiceName: "",
    ServiceTags: [],
    Type: "",
    Interval: "",
    Timeout: "",
    ExposedPort: 0,
    Definition: {},
  };
}
