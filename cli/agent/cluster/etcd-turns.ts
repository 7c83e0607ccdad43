import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Endpoints } from "#base/platform/etcd/endpoints.ts";
import type { Server } from "#base/protocol/server.ts";
import type { OwnMember } from "./own-member.ts";
import { moveEtcdLeader } from "./move-etcd-leader.ts";
import { serves, withAdmin, type SeenMember } from "./seen-members.ts";

const LOOK_EVERY_MS = 500;
const STATUS_MS = 1000;
/** What was asked of the own member is answered by then. */
const QUIET_MS = 200;
/** A member that is not back by then holds nobody up: the others see that it does not answer. */
const BACK_MS = 60_000;

export interface EtcdTurnsDeps {
  readonly env: Pick<Env, "clock" | "log">;
  /** This server's node id, which its member is called by. */
  readonly self: string;
  readonly member: OwnMember;
  /** Of this server's own client. */
  readonly endpoints: Pick<Endpoints, "list" | "update">;
  readonly servers: () => readonly Pick<Server, "ID" | "EtcdTrusts">[];
  readonly see: () => Promise<readonly SeenMember[]>;
  /** Makes known whom the own member trusts now. */
  readonly tell: () => Promise<void>;
}

/**
 * Etcd reads whom it trusts when it starts, so every member has to start anew when an authority comes or goes: one after the other,
 * in the order of their ids, each once the one before it is back, and none that would leave the others without a majority.
 */
export class EtcdTurns {
  readonly #deps: EtcdTurnsDeps;
  readonly #end = new AbortController();
  #working: Promise<void> | undefined;

  constructor(deps: EtcdTurnsDeps) {
    this.#deps = deps;
  }

  /** The own member has to start anew, as soon as it may. */
  due(): void {
    this.#working ??= this.#work();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#working;
  }

  /** Until the own member trusts whom it is to trust, and the others know: those after it in line wait for that. */
  async #work(): Promise<void> {
    const { env, self, member, servers, see, tell } = this.#deps;
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        if (member.trusts === member.wanted) await tell();
        // Which it may no longer do once that is told.
        if (member.trusts === member.wanted) break;
        const seen = await see();
        const isTurn = isTurnOf({ self, wanted: member.wanted, servers: servers(), seen });
        if (isTurn && !signal.aborted) await this.#restart(seen);
        if (member.trusts === member.wanted) continue;
      } catch (thrown) {
        env.log.warn("this server's etcd does not trust all authorities yet, or the others do not know that it does", {
          error: messageOf(thrown),
        });
      }
      await sleep(env.clock, LOOK_EVERY_MS, signal);
    }
    this.#working = undefined;
  }

  async #restart(seen: readonly SeenMember[]): Promise<void> {
    const { env, member, endpoints } = this.#deps;
    const own = seen.find((one) => one.member.name === this.#deps.self);
    if (own !== undefined)
      await moveEtcdLeader(own, seen, member.tls?.pem).catch((thrown: unknown) => {
        env.log.info("etcd keeps its leader until it starts anew", { error: messageOf(thrown) });
      });
    const others = endpoints.list.filter((url) => url !== member.clientUrl);
    // What this server asks meanwhile, and long after, the others answer.
    endpoints.update([...others, member.clientUrl]);
    await sleep(env.clock, QUIET_MS);
    env.log.info("this server's etcd starts anew, to trust the authorities in force");
    await member.restart();
    await this.#back();
    endpoints.update([member.clientUrl, ...endpoints.list.filter((url) => url !== member.clientUrl)]);
  }

  async #back(): Promise<void> {
    const { env, member } = this.#deps;
    const place = { endpoints: [member.clientUrl], tls: member.tls?.pem };
    const deadline = env.clock.monotonicMs() + BACK_MS;
    while (env.clock.monotonicMs() < deadline && !this.#end.signal.aborted) {
      const status = await withAdmin(place, (admin) => admin.status(STATUS_MS)).catch(() => undefined);
      if (status !== undefined && status.leaderId !== 0n) return;
      await sleep(env.clock, LOOK_EVERY_MS / 10);
    }
  }
}

export interface Turn {
  readonly self: string;
  /** What all are to trust. */
  readonly wanted: string | undefined;
  readonly servers: readonly Pick<Server, "ID" | "EtcdTrusts">[];
  readonly seen: readonly SeenMember[];
}

/** Whether the member of this server may start anew now. */
export function isTurnOf({ self, wanted, servers, seen }: Turn): boolean {
  const isWell = (id: string): boolean => seen.some((one) => one.member.name === id && serves(one));
  const isLate = ({ EtcdTrusts }: Pick<Server, "EtcdTrusts">): boolean =>
    EtcdTrusts !== undefined && EtcdTrusts !== wanted;
  if (servers.some((server) => server.ID < self && isLate(server) && isWell(server.ID))) return false;
  const voters = seen.filter(({ member }) => !member.isLearner);
  const others = voters.filter((one) => one.member.name !== self && serves(one));
  // Of two, each is needed by the other in any case.
  return voters.length <= 2 || others.length > voters.length / 2;
}
