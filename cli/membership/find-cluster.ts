import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { LinkSockets } from "#base/env/link-socket.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import type { MemberRole } from "#base/protocol/cluster.ts";
import { spaced } from "#daemons/cluster/admission-code.ts";
import type { Neighbour } from "#daemons/mdns/announcement.ts";
import { Neighbours } from "#daemons/mdns/neighbours.ts";
import { labelOf } from "../agent/announce.ts";
import { askToJoin, type OpenAdmission } from "./admission.ts";

/** Nobody was heard for so long: this machine founds a cluster. A server that is there answers within a second. */
export const LISTEN_MS = 6_000;
/** Without an address for so long it founds one all the same: perhaps it is meant to be alone. */
const NO_LINK_MS = 60_000;
/** One card may get its address later than another, or never: for so long it is waited for, as the cluster may be there. */
const LATE_CARD_MS = 20_000;
/** A new machine that is not heard any more is gone. */
const NEW_TTL_S = 12;
/** One that founds goes on as another program, which takes its time to start. */
const FOUNDING_TTL_S = 120;
const PAUSE_MS = 1_000;
const ANSWER_MS = 3_000;
/** Clusters that are asked; more on one network are a mistake. */
const MAX_CLUSTERS = 4;

/** What came of looking so far. */
export interface Looked {
  /** A server of each cluster that was asked, and the code for both screens. */
  readonly codes: readonly { readonly at: string; readonly code: string }[];
  /** The last refusal or failure; empty: none. */
  readonly said: string;
}

export interface Finding {
  readonly env: SystemEnv;
  readonly sockets: LinkSockets;
  readonly nodeId: string;
  readonly nodeName: string;
  readonly role?: MemberRole | undefined;
  /** Whether it may found a cluster where there is none. */
  readonly founds: boolean;
  /** Default {@link LISTEN_MS}. */
  readonly listenMs?: number | undefined;
  /** Lines that a person sees. */
  readonly say: (line: string) => void;
  /** Is told whenever it was asked how things stand. */
  readonly onLooked?: ((looked: Looked) => void) | undefined;
  readonly signal?: AbortSignal;
}

export type Found =
  /** It tells the others that it founds a cluster, until somebody stops that. */
  | { readonly kind: "found"; readonly herald: Neighbours }
  | { readonly kind: "join"; readonly at: string; readonly token: string; readonly role: MemberRole };

/**
 * What a new machine without a token does: it looks for a cluster on its links and asks to be let in; where there is none
 * the new machine with the lowest id founds one, and the others ask that.
 */
export async function findCluster(finding: Finding): Promise<Found> {
  const { env, sockets, nodeId, nodeName, signal, listenMs = LISTEN_MS } = finding;
  const text = { id: nodeId, state: "new" };
  // A port, though nothing listens there: the service is announced by it.
  const own = { host: labelOf(nodeName), port: 9, text, ttlS: NEW_TTL_S };
  const neighbours = new Neighbours({ env, sockets, own, listens: true });
  await neighbours.start();
  let founds = false;
  try {
    const began = env.clock.monotonicMs();
    let linkedMs = began;
    const desk = new Desk(finding);
    let hasHeard = false;
    for (;;) {
      const heard = neighbours.list();
      const servers = serversOf(heard);
      if (servers.size > 0) hasHeard = true;
      const decided = await desk.visit(servers);
      if (decided !== undefined) return decided;
      const nowMs = env.clock.monotonicMs();
      const awaitsCard = !neighbours.hasAllLinks && nowMs - began < LATE_CARD_MS;
      // Who founds is a server soon.
      const awaitsServer = heard.some(({ text: said }) => said["state"] === "founding");
      if (!neighbours.hasLinks || awaitsCard || awaitsServer) linkedMs = nowMs;
      const isOver = nowMs - linkedMs >= listenMs || (!neighbours.hasLinks && nowMs - began >= NO_LINK_MS);
      // A cluster that was there once comes back; whoever gives it up starts this machine again.
      if (isOver && !hasHeard && finding.founds && finding.role !== "client" && !isAnotherFirst(heard, nodeId)) {
        founds = true;
        neighbours.say({ ...text, state: "founding" }, FOUNDING_TTL_S);
        return { kind: "found", herald: neighbours };
      }
      if (signal?.aborted === true) throw new Error("ended while waiting to be let in");
      await sleep(env.clock, PAUSE_MS, signal);
    }
  } finally {
    if (!founds) await neighbours.stop();
  }
}

/** Another new machine founds: of several that hear each other the one with the lowest id. */
function isAnotherFirst(heard: readonly Neighbour[], nodeId: string): boolean {
  return heard.some(({ text }) => text["state"] === "new" && (text["id"] ?? "") < nodeId);
}

/** One server for each cluster, always the same. */
function serversOf(heard: readonly Neighbour[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { text, addresses, port } of heard) {
    const cluster = text["cluster"] ?? "";
    const address = addresses.find((each) => !each.includes(":"));
    if (text["role"] !== "server" || cluster === "" || address === undefined || found.has(cluster)) continue;
    if (found.size < MAX_CLUSTERS) found.set(cluster, `${address}:${port}`);
  }
  return found;
}

/** Where this machine waits to be let in. */
class Desk {
  readonly #finding: Finding;
  readonly #open = new Map<string, OpenAdmission>();
  #askedMs = -Infinity;
  #complaint = "";

  constructor(finding: Finding) {
    this.#finding = finding;
  }

  async visit(servers: ReadonlyMap<string, string>): Promise<Found | undefined> {
    const { env } = this.#finding;
    const nowMs = env.clock.monotonicMs();
    if (nowMs - this.#askedMs < ANSWER_MS) return undefined;
    this.#askedMs = nowMs;
    for (const [cluster, at] of servers) if (!this.#open.has(cluster)) await this.#ask(cluster, at);
    this.#tell();
    for (const [cluster, admission] of this.#open) {
      const decided = await this.#hear(cluster, admission);
      if (decided !== undefined) return decided;
    }
    this.#tell();
    return undefined;
  }

  #tell(): void {
    const codes = [...this.#open.values()].map(({ at, code }) => ({ at, code }));
    this.#finding.onLooked?.({ codes, said: this.#complaint });
  }

  async #ask(cluster: string, at: string): Promise<void> {
    const { env, say } = this.#finding;
    try {
      const admission = await askToJoin(env, at, this.#finding);
      this.#open.set(cluster, admission);
      say(`There is a cluster here (a server of it is ${at}). To let this machine in, run on one of its nodes:`);
      say(`  lares node approve ${spaced(admission.code)}`);
    } catch (thrown) {
      this.#complain(messageOf(thrown));
    }
  }

  async #hear(cluster: string, admission: OpenAdmission): Promise<Found | undefined> {
    try {
      const answer = await admission.answer();
      if (answer.state === "approved")
        return { kind: "join", at: admission.at, token: answer.token, role: answer.role };
      if (answer.state === "refused") this.#complain(`the cluster of ${admission.at} refused this machine`);
    } catch (thrown) {
      this.#complain(messageOf(thrown));
      // It forgot us, or another server has to be asked: with another code.
      this.#open.delete(cluster);
    }
    return undefined;
  }

  #complain(message: string): void {
    if (message !== this.#complaint) this.#finding.say(message);
    this.#complaint = message;
  }
}
