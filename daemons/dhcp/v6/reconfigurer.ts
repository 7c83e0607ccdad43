import { createHash } from "node:crypto";
import { textOf } from "#base/env/bytes.ts";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { GroupPeer } from "#base/env/group-socket.ts";
import type { LeaseClock } from "../server/lease-clock.ts";
import type { Link6, Settings6 } from "../settings/settings.ts";
import { CLIENT_PORT, MESSAGE, OPTION, SERVER_PORT } from "./codes.ts";
import { linksFor } from "./links-for.ts";
import { encodeThroughRelays, findOption, type Option6, type Packet6 } from "./message.ts";
import { hexOf, readReconfigurables, writeReconfigurables, type Reconfigurable } from "./reconfigurable.ts";
import { keyOption, reconfigureKey, reconfigureMessage } from "./reconfigure-auth.ts";

/** Clients remembered; past it the one longest not heard of is told nothing, and renews in its own time. */
const MAX_CLIENTS = 4096;
/** RFC 8415 §7.6: REC_TIMEOUT and REC_MAX_RC. */
const FIRST_WAIT_MS = 2000;
const MAX_TRIES = 8;
const TICK_MS = 500;
/** Told in one tick, so that a house does not ask all at once. */
const MAX_A_TICK = 20;
/** Between two writes of the file: flash memory wears by writes. */
const SAVE_MS = 60_000;
const SECRET_BYTES = 32;

export interface ReconfigurerDeps {
  readonly env: Pick<Env, "clock" | "disk" | "log" | "random">;
  readonly settings: Settings6;
  readonly clock: LeaseClock;
  /** This server's identifier. */
  readonly duid: Uint8Array;
  readonly dir: string;
}

interface Waiting {
  readonly client: Reconfigurable;
  tries: number;
  dueMs: number;
}

/**
 * Tells clients that settings changed, instead of waiting until they renew (RFC 8415 §18.3.11): those that said that they
 * take it, and were told a key by which they know this server.
 */
export class Reconfigurer {
  readonly #deps: ReconfigurerDeps;
  readonly #secret: Uint8Array;
  /** By identifier, longest not heard of first. */
  readonly #clients: Map<string, Reconfigurable>;
  readonly #waiting = new Map<string, Waiting>();
  #send: (data: Uint8Array, to: GroupPeer) => void = () => {};
  #stamp = 0n;
  #timer: Timer | undefined;
  #isDirty = false;
  #savedMs = 0;

  private constructor(deps: ReconfigurerDeps, secret: Uint8Array, clients: readonly Reconfigurable[]) {
    this.#deps = deps;
    this.#secret = secret;
    this.#clients = new Map(clients.map((client) => [hexOf(client.clientId), client]));
  }

  static async open(deps: ReconfigurerDeps): Promise<Reconfigurer> {
    const { disk, random } = deps.env;
    const path = `${deps.dir}/reconfigure.key`;
    const bytes = await disk.read(path);
    const known = bytes === undefined ? "" : textOf(bytes).trim();
    const isKnown = /^[0-9a-f]{64}$/.test(known);
    const secret = isKnown ? Buffer.from(known, "hex") : random.bytes(SECRET_BYTES);
    if (!isKnown) await disk.replace(path, Buffer.from(`${hexOf(secret)}\n`), { mode: 0o600 });
    return new Reconfigurer(deps, secret, await readReconfigurables(disk, pathOf(deps)));
  }

  /** Whoever was told something else than what holds now is told to ask again. */
  start(send: (data: Uint8Array, to: GroupPeer) => void): void {
    const { clock, log } = this.#deps.env;
    this.#send = send;
    for (const [id, client] of this.#clients) {
      const links = linksFor(this.#deps.settings, client.relays, client.interface);
      if (summed(links) !== client.told) this.#waiting.set(id, { client, tries: 0, dueMs: clock.monotonicMs() });
    }
    if (this.#waiting.size > 0) log.info("clients are told of new settings", { clients: this.#waiting.size });
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#waiting.clear();
    await this.#save();
  }

  /** What belongs into an answer to a client that takes a word: that we may, and in a Reply the key. */
  optionsFor(clientId: Uint8Array | undefined, type: number): readonly Option6[] {
    if (clientId === undefined) return [];
    const accept = { code: OPTION.reconfigureAccept, data: new Uint8Array(0) };
    if (type !== MESSAGE.reply) return [accept];
    return [accept, keyOption(reconfigureKey(this.#secret, clientId), this.#nextStamp())];
  }

  /** A client was answered. */
  note({ message, relays }: Packet6, from: GroupPeer): void {
    const { options, type } = message;
    const clientId = findOption(options, OPTION.clientId);
    if (clientId === undefined || type === MESSAGE.solicit || type === MESSAGE.confirm) return;
    const id = hexOf(clientId);
    // It came, whatever it says.
    this.#waiting.delete(id);
    const isGone = type === MESSAGE.release || type === MESSAGE.decline;
    const isMember = this.#clients.delete(id);
    // Some say it once, with their request, and not again.
    const isSaid = isMember && (type === MESSAGE.renew || type === MESSAGE.rebind);
    if (isGone || (!isSaid && findOption(options, OPTION.reconfigureAccept) === undefined)) {
      this.#isDirty ||= isMember;
      return;
    }
    const [oldest] = this.#clients.keys();
    if (this.#clients.size >= MAX_CLIENTS && oldest !== undefined) this.#clients.delete(oldest);
    const told = summed(linksFor(this.#deps.settings, relays, from.interface));
    const isBound = type !== MESSAGE.informationRequest;
    const port = relays.length === 0 ? CLIENT_PORT : SERVER_PORT;
    const { host, interface: name } = from;
    this.#clients.set(id, { clientId: clientId.slice(), host, port, interface: name, relays, isBound, told });
    this.#isDirty = true;
  }

  #tick(): void {
    const { clock } = this.#deps.env;
    const nowMs = clock.monotonicMs();
    let count = 0;
    for (const [id, waiting] of this.#waiting) {
      if (waiting.dueMs > nowMs || count === MAX_A_TICK) continue;
      if (waiting.tries === MAX_TRIES) {
        // It is gone; what it was told counts no more.
        this.#waiting.delete(id);
        this.#isDirty = this.#clients.delete(id) || this.#isDirty;
        continue;
      }
      count += 1;
      this.#tell(waiting.client);
      waiting.dueMs = nowMs + FIRST_WAIT_MS * 2 ** waiting.tries;
      waiting.tries += 1;
    }
    if (this.#isDirty && nowMs - this.#savedMs >= SAVE_MS) void this.#save();
    this.#timer = clock.after(this.#waiting.size > 0 ? TICK_MS : SAVE_MS, () => this.#tick());
  }

  #tell({ clientId, host, port, interface: name, relays, isBound }: Reconfigurable): void {
    const message = reconfigureMessage({
      serverId: this.#deps.duid,
      clientId,
      wanted: isBound ? MESSAGE.renew : MESSAGE.informationRequest,
      key: reconfigureKey(this.#secret, clientId),
      stamp: this.#nextStamp(),
    });
    this.#send(encodeThroughRelays(relays, message), { host, port, interface: name });
  }

  /** Of the time, so that it rises over restarts, too. */
  #nextStamp(): bigint {
    const now = BigInt(Math.floor(this.#deps.clock.nowMs())) << 12n;
    this.#stamp = now > this.#stamp ? now : this.#stamp + 1n;
    return this.#stamp;
  }

  async #save(): Promise<void> {
    if (!this.#isDirty) return;
    const { disk, clock, log } = this.#deps.env;
    this.#isDirty = false;
    this.#savedMs = clock.monotonicMs();
    try {
      await writeReconfigurables(disk, pathOf(this.#deps), [...this.#clients.values()]);
    } catch (thrown) {
      log.warn("which clients take a word could not be written", { error: messageOf(thrown) });
    }
  }
}

function pathOf({ dir }: Pick<ReconfigurerDeps, "dir">): string {
  return `${dir}/reconfigurable.json`;
}

/** What clients of these networks are told, as far as a change of it is worth asking again. */
function summed(links: readonly Link6[]): string {
  const facts = links.map(({ id, pools, options, domain }) => ({
    id,
    domain,
    pools: pools.map(({ kind, subnet }) => [kind, subnet.id, subnet.pools.map(({ first, last }) => [first, last])]),
    options: options.map(({ code, data }) => [code, hexOf(data)]),
  }));
  return createHash("sha256").update(JSON.stringify(facts)).digest("base64url").slice(0, 22);
}
