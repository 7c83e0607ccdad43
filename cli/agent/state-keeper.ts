import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { StandByAnswer } from "#daemons/cluster/calls.ts";
import type { Engine, StateDescription, StateKeeper } from "#daemons/scheduler/http/state-keeper.ts";
import type { Server } from "#base/protocol/server.ts";
import { SET_RIGHT } from "./cluster/clocks-apart.ts";
import type { ClusterServers } from "./cluster/servers.ts";
import type { StateMove } from "./cluster/state-mover.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { NodeIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import type { Addresses } from "./addresses.ts";
import type { DataFolder } from "./data-folder.ts";
import type { OpenedState } from "./open-agent-state.ts";

export interface AgentStateKeeperDeps extends AgentOptions, OpenedState {
  readonly addresses: Addresses;
  readonly folder: DataFolder;
  readonly identity: NodeIdentity;
}

/** Where this agent keeps the state, and the move from one server's engine to that of several and back. */
export class AgentStateKeeper implements StateKeeper {
  readonly #deps: AgentStateKeeperDeps;
  /** Set once it is known. */
  cluster: ClusterServers | undefined;
  #move: StateMove | undefined;
  #moving: Engine | undefined;
  #failure = "";

  constructor(deps: AgentStateKeeperDeps) {
    this.#deps = deps;
  }

  async describe(): Promise<StateDescription> {
    const { state, engine } = this.#deps;
    const { revision, keys, bytes } = state.store.status();
    const members = (await this.cluster?.members?.see().catch(() => [])) ?? [];
    return {
      Engine: engine?.engine ?? "etcd",
      External: engine === undefined,
      Revision: revision,
      Keys: keys,
      Bytes: bytes,
      Moving: this.#moving ?? "",
      Failure: this.#failure,
      Problems: (this.cluster?.list() ?? []).flatMap(clockProblem),
      Members: members.map(({ member, status }) => ({
        ID: member.name,
        Address: member.peerUrls[0] ?? "",
        Voter: !member.isLearner,
        Healthy: status !== undefined,
        Leader: status?.leaderId === member.id,
        Bytes: status?.dbBytes ?? 0,
      })),
    };
  }

  /** For servers that join; undefined: one server has it to itself. */
  get where(): Exclude<StandByAnswer, { engine: "sqlite" }> | undefined {
    const { engine } = this.#deps;
    if (engine === undefined) return { engine: "external" };
    if (engine.engine === "sqlite" || this.cluster === undefined) return undefined;
    return { engine: "etcd", token: engine.token, members: [...this.cluster.endpoints] };
  }

  async move(to: Engine): Promise<Result<void>> {
    const refused = this.#refusal(to);
    if (refused !== undefined) return refused;
    const { config, env, addresses, folder, identity, state, restart, carried } = this.#deps;
    this.#moving = to;
    this.#failure = "";
    try {
      const { StateMove } = await import("./cluster/state-mover.ts");
      const nodeId = identity.nodeId;
      this.#move = await StateMove.begin({ config, env, addresses, folder, nodeId, source: state.store, carried }, to);
      env.log.info("the state is copied; the agent starts anew on it", { to });
      // Whoever asked is answered first.
      env.clock.soon(() => restart?.());
      return succeed(undefined);
    } catch (thrown) {
      this.#moving = undefined;
      this.#failure = messageOf(thrown);
      env.log.error("the state could not be moved, and stays where it is", { to, error: this.#failure });
      return fail("not_moved", `the state could not be moved: ${this.#failure}`, "it stays where it is");
    }
  }

  /** The agent has stopped all that writes. */
  async finish(): Promise<void> {
    const move = this.#move;
    this.#move = undefined;
    await move?.finish();
  }

  #refusal(to: Engine): Result<void> | undefined {
    const { engine, restart } = this.#deps;
    if (engine === undefined)
      return fail("external", "the state is in an etcd that somebody else runs", "change the agents' configuration");
    if (restart === undefined)
      return fail("no_restart", "this agent cannot start itself anew", "run it with lares agent");
    if (this.#moving !== undefined) return fail("moving", `the state is being moved to ${this.#moving}`, "wait for it");
    if (engine.engine === to) return fail("there", `the state is in ${to} already`, "nothing is to be done");
    const others = (this.cluster?.list() ?? []).filter(({ ID }) => ID !== this.#deps.identity.nodeId);
    if (to === "sqlite" && others.length > 0)
      return fail(
        "not_alone",
        `other servers share the state: ${others.map(({ Name }) => Name).join(", ")}`,
        "take them out first, with lares operator raft remove-peer",
      );
    return undefined;
  }
}

function clockProblem({ Name, ClockAhead }: Server): string[] {
  if (ClockAhead === undefined) return [];
  const by = `${Math.abs(ClockAhead)} min ${ClockAhead > 0 ? "ahead of" : "behind"}`;
  return [`the clock of ${Name} is ${by} the leader's: ${SET_RIGHT}`];
}
