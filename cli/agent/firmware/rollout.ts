import { CodedError } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { fencedStore } from "#base/state/leadership/fenced-store.ts";
import { nodes, nodeStates } from "#base/state/tables.ts";
import type { ClusterFacts, NodeFacts } from "#daemons/rollout/decide.ts";
import { RolloutKeeper, type RolloutPorts } from "#daemons/rollout/rollout-keeper.ts";
import { INTERNAL_ADDRESS } from "#daemons/scheduler/client/fingerprint/fingerprint.ts";
import { OUTSIDE } from "#os-image/firmware/node/machine.ts";
import type { Composition } from "../composition.ts";
import { firmwareCalls } from "./firmware-calls.ts";
import { createFirmwareNode, runsFirmware, type FirmwareNode } from "./firmware-node.ts";

type Known = Pick<Composition, "env" | "state" | "server" | "identity" | "own" | "cluster">;

/** Nodes get this long to give their tasks away; what is left then is stopped. */
const DRAIN_NS = 900_000_000_000;

/** The firmware of this machine; undefined: it runs another. */
export function ownFirmware({ env }: Pick<Composition, "env">): FirmwareNode | undefined {
  if (!runsFirmware()) return undefined;
  // The boot partition is to become writable for all.
  return createFirmwareNode({ env: { ...env, log: env.log.child("firmware") }, self: [...OUTSIDE, ...selfCommand()] });
}

/** Of a server: its own firmware, and the update of all nodes', which it carries on when it leads. */
export function createFirmwareParts(known: Known): Pick<Composition, "firmware" | "rollout"> {
  const { env, state, cluster } = known;
  const firmware = ownFirmware(known);
  const rollout = new RolloutKeeper({
    env: { ...env, log: env.log.child("rollout") },
    store: fencedStore(state.store, () => cluster?.fence() ?? []),
    view: state.view,
    ports: portsOf(known, firmware),
  });
  return { firmware, rollout };
}

function portsOf(known: Known, firmware: FirmwareNode | undefined): RolloutPorts {
  const { env, state, server, identity, own } = known;
  const calls = firmwareCalls({
    env,
    ownNodeId: identity.nodeId,
    own: firmware,
    internalOf: (id) => state.view.table(nodes).get(GLOBAL, id)?.value.Attributes[INTERNAL_ADDRESS],
    tls: () => own.keeper?.tls() ?? {},
  });
  return {
    ...calls,
    facts: () => factsOf(known),
    drain: async (nodeId) => {
      const nowMs = env.clock.nowMs();
      const strategy = {
        Deadline: DRAIN_NS,
        IgnoreSystemJobs: true,
        StartedAt: new Date(nowMs).toISOString(),
        ForceDeadline: new Date(nowMs + DRAIN_NS / 1e6).toISOString(),
      };
      const meta = { message: "its firmware is updated" };
      must(await server.nodes.setDrain(nodeId, strategy, { markEligible: false, meta }));
    },
    restore: async (nodeId, isEligible) => {
      must(await server.nodes.setDrain(nodeId, null, { markEligible: isEligible, meta: {} }));
    },
  };
}

function factsOf({ state, cluster, identity }: Known): Pick<ClusterFacts, "nodes" | "servers" | "othersTake"> {
  const { view } = state;
  const servers = cluster?.list() ?? [];
  const serverIds = new Set(cluster === undefined ? [identity.nodeId] : servers.map(({ ID }) => ID));
  const leader = cluster === undefined ? identity.nodeId : cluster.leaderId;
  const all = [...view.table(nodes).list(GLOBAL)].map(({ value }) => ({
    value,
    known: view.table(nodeStates).get(GLOBAL, value.ID)?.value,
  }));
  const facts = all
    .filter(({ value }) => value.Attributes["os.name"] === "lares")
    .map(({ value, known }): NodeFacts => ({
      id: value.ID,
      name: value.Name,
      isReady: known?.Status === "ready",
      isEligible: known?.SchedulingEligibility === "eligible",
      isDraining: known?.DrainStrategy !== null && known?.DrainStrategy !== undefined,
      isServer: serverIds.has(value.ID),
      isLeader: value.ID === leader,
    }));
  const alive = cluster === undefined ? 1 : servers.filter(({ ID }) => cluster.isAlive(ID)).length;
  return {
    nodes: facts,
    servers: { alive, all: Math.max(1, servers.length) },
    othersTake: (nodeId) =>
      all.some(
        ({ value, known }) =>
          value.ID !== nodeId && known?.Status === "ready" && known.SchedulingEligibility === "eligible",
      ),
  };
}

function must(result: Result<unknown>): void {
  if (!result.ok) throw new CodedError(result.error.code, result.error.message, result.error.hint);
}
