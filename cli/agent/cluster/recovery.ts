import { createServer } from "node:net";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { EtcdAdmin } from "#base/platform/etcd/etcd-admin.ts";
import { GLOBAL, keyOf, partsOf, ROOT } from "#base/protocol/keys.ts";
import type { Server } from "#base/protocol/server.ts";
import { decodeRow } from "#base/state/codec.ts";
import { StateCopy } from "#base/state/copy-state.ts";
import { LEADER_KEY, readLeader } from "#base/state/leadership/leader-record.ts";
import type { Op, StoreRecord } from "#base/state/store.ts";
import { servers } from "#base/state/tables.ts";
import { loadIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import { addressesOf } from "../addresses.ts";
import { openDataFolder, type DataFolder } from "../data-folder.ts";
import { readEngineFile, writeEngineFile } from "./engine-file.ts";
import { EtcdProcess } from "./etcd-process.ts";
import { openEtcdState, type EtcdState } from "./open-etcd-state.ts";
import { disarmFull } from "./space-keeper.ts";
import { etcdFolder, memberPlace, type OwnMemberDeps } from "./own-member.ts";
import { newEtcd } from "./state-mover.ts";

const READY_MS = 60_000;
const LOOK_EVERY_MS = 100;
const ANSWER_MS = 2000;
const COPY_MS = 1_800_000;
/** More than a lost majority can have written that nobody knows of: indexes that clients saw never come again. */
const INDEX_GAP = 1_000_000;

/** What this server knows, and what it would go on with. */
export interface RecoveryFacts {
  readonly revision: number;
  /** When this server last heard of a write, milliseconds since the epoch. */
  readonly heardMs: number;
  /** Name of the server that led then; empty: nobody. */
  readonly ledBy: string;
  readonly isLeader: boolean;
  /** Names and addresses of the servers that would be given up. */
  readonly lost: readonly Pick<Server, "ID" | "Name" | "Address">[];
  /** Records by table. */
  readonly tables: ReadonlyMap<string, number>;
}

interface Opened {
  readonly deps: OwnMemberDeps & { readonly env: Env };
  /** Client URLs of the others, as last heard of. */
  readonly others: readonly string[];
  /** Where the copy is served meanwhile. */
  readonly place: Awaited<ReturnType<typeof memberPlace>>;
  /** Where this server's own etcd is. */
  readonly ownUrl: string;
}

/**
 * Makes the state of a server that lost the majority of the others one that it has to itself: reads it from a copy of the data, and
 * writes it into an etcd of its own that is new. What was there is kept.
 */
export class Recovery {
  readonly facts: RecoveryFacts;
  readonly #opened: Opened;
  readonly #process: EtcdProcess;
  readonly #state: EtcdState;

  private constructor(
    facts: RecoveryFacts,
    { opened, process, state }: { opened: Opened; process: EtcdProcess; state: EtcdState },
  ) {
    this.facts = facts;
    this.#opened = opened;
    this.#process = process;
    this.#state = state;
  }

  /** Changes nothing. Rejects with a `CodedError` where there is nothing to recover, or others are there (unless `force`). */
  static async prepare(env: Env, config: AgentConfig, force: boolean): Promise<Recovery> {
    const opened = await open(env, config);
    await requireSilence(opened, force);
    const { folder } = opened.deps;
    await copyData(env, folder);
    const process = await startAlone(opened);
    try {
      const { place, deps } = opened;
      const state = await openEtcdState(env, {
        endpoints: [place.clientUrl],
        tls: place.tls?.pem,
        writer: deps.nodeId,
      });
      const records: StoreRecord[] = [];
      await state.store.scan({ prefix: ROOT, onRecords: (found) => void records.push(...found) });
      const heardMs = await newestMs(env, `${etcdFolder(folder)}/member/wal`);
      const facts = factsOf(records, { revision: state.store.status().revision, heardMs, nodeId: deps.nodeId });
      return new Recovery(facts, { opened, process, state });
    } catch (thrown) {
      await process.stop();
      throw thrown;
    }
  }

  /** Resolves with where the data that was there is kept. Cut off on its way, the server holds no state until this is done again. */
  async commit(): Promise<string> {
    const { deps } = this.#opened;
    const { env, folder } = deps;
    const source = this.#state.store;
    const gone = this.facts.lost.map(({ ID }): Op => ({ op: "delete", key: keyOf(servers.name, GLOBAL, ID) }));
    await source.txn({ then: [...gone, { op: "delete", key: LEADER_KEY }] });
    const kept = keptFolder(env, folder);
    await env.disk.rename(etcdFolder(folder), kept);
    await writeEngineFile(env.disk, folder.state, { engine: "joining" });
    const target = await newEtcd({ ...deps, source, carried: undefined });
    try {
      const copy = new StateCopy(source, target.store);
      await copy.start();
      await copy.finish();
      const offset = source.status().revision + INDEX_GAP;
      await target.store.txn({ then: target.offsetOps(offset) });
      await writeEngineFile(env.disk, folder.state, target.file(offset));
    } finally {
      await target.close();
      await this.#close();
    }
    await env.disk.remove(copyFolder(folder));
    return kept;
  }

  /** Everything is as it was. */
  async abandon(): Promise<void> {
    await this.#close();
    const { env, folder } = this.#opened.deps;
    await env.disk.remove(copyFolder(folder));
  }

  async #close(): Promise<void> {
    await this.#state.store.close();
    await this.#process.stop();
  }
}

async function open(env: Env, config: AgentConfig): Promise<Opened> {
  const folder = await openDataFolder(env.disk, config);
  const file = await readEngineFile(env.disk, folder.state);
  if (file.engine === "sqlite")
    throw refused(`${folder.root} holds the state of one server alone`, "start the agent: it needs no other server");
  await finishOlder(env, folder, file.engine);
  if ((await env.disk.stat(`${etcdFolder(folder)}/member`)) === undefined)
    throw refused(`${folder.root} holds no state: this server only stood by`, "recover one that held it");
  const { nodeId } = await loadIdentity(env, folder.client);
  const deps = { env, config, addresses: addressesOf(config, env.net), folder, nodeId };
  const { tls, clientUrl: ownUrl } = await memberPlace(deps);
  const [client, peer] = await freeUrls(tls === undefined ? "http" : "https");
  const others = file.engine === "etcd" ? file.members.filter((url) => url !== ownUrl) : [];
  return { deps, others, ownUrl, place: { clientUrl: client, peerUrl: peer, tls } };
}

/** A recovery that was cut off: what it read from is the data again. */
async function finishOlder({ disk }: Env, folder: DataFolder, engine: string): Promise<void> {
  const isWhole = engine === "etcd" && (await disk.stat(`${etcdFolder(folder)}/member`)) !== undefined;
  if (isWhole || (await disk.stat(`${copyFolder(folder)}/member`)) === undefined) return;
  await disk.remove(etcdFolder(folder));
  await disk.rename(copyFolder(folder), etcdFolder(folder));
}

/** On loopback. */
async function freeUrls(scheme: string): Promise<[client: string, peer: string]> {
  const listening = [createServer(), createServer()].map(async (server) => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const at = server.address();
    return { server, url: `${scheme}://127.0.0.1:${typeof at === "object" ? (at?.port ?? 0) : 0}` };
  });
  const found = await Promise.all(listening);
  await Promise.all(found.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  return [found[0]?.url ?? "", found[1]?.url ?? ""];
}

/** Two halves of a cluster must not both go on. */
async function requireSilence({ deps, others, place, ownUrl }: Opened, force: boolean): Promise<void> {
  const answers = async (url: string): Promise<boolean> => {
    const admin = new EtcdAdmin({ endpoints: [url], tls: place.tls?.pem });
    return admin
      .status(ANSWER_MS)
      .then(
        () => true,
        () => false,
      )
      .finally(() => admin.close());
  };
  const { config, addresses } = deps;
  const health = `http://${addresses.advertise}:${config.ports.http}/v1/agent/health`;
  const answer = await deps.env.http.request({ url: health, timeoutMs: ANSWER_MS }).catch(() => undefined);
  answer?.abandon();
  if (answer !== undefined || (await answers(ownUrl)))
    throw refused("this server's agent runs", "stop it first: systemctl stop lares");
  if (force) return;
  const alive = await Promise.all(others.map(async (url) => ((await answers(url)) ? url : "")));
  const found = alive.filter((url) => url !== "");
  if (found.length > 0)
    throw refused(
      `a server that holds the state answers at ${found.join(", ")}`,
      "bring back one more instead; with -force that server has to join again, and what it alone knows is lost",
    );
}

function copyFolder(folder: Pick<DataFolder, "root">): string {
  return `${etcdFolder(folder)}-recovered`;
}

/** Where data that are no longer in force are put aside. */
export function keptFolder({ clock }: Env, folder: Pick<DataFolder, "root">): string {
  const time = new Date(clock.nowMs()).toISOString().slice(0, 19).replaceAll(/[-:]/g, "");
  return `${etcdFolder(folder)}-before-${time}`;
}

async function copyData(env: Env, folder: DataFolder): Promise<void> {
  const to = copyFolder(folder);
  await env.disk.remove(to);
  const ran = await env.exec.run(["cp", "-a", "--reflink=auto", etcdFolder(folder), to], { timeoutMs: COPY_MS });
  if (ran.code === 0) return;
  await env.disk.remove(to);
  throw refused(`the data could not be copied: ${ran.stderr.trim()}`, "make room on its disk");
}

/**
 * Etcd on the copy, which forgets all members but this one. It serves nobody else and only as long as its records are read:
 * entries that were carried out, but not yet marked so in its log, are missing from the log after such a start, so that members
 * who joined it and replayed that would differ from it.
 */
async function startAlone({ deps, place }: Opened): Promise<EtcdProcess> {
  const { env, folder, nodeId, config } = deps;
  const process = new EtcdProcess({
    ...place,
    env,
    folder: copyFolder(folder),
    name: nodeId,
    token: "recovery",
    // What is read may have reached its own.
    quotaBytes: 2 * config.state.etcd.quotaBytes,
    initialCluster: `${nodeId}=${place.peerUrl}`,
    isNew: false,
    forceNewCluster: true,
  });
  await process.start();
  const admin = new EtcdAdmin({ endpoints: [place.clientUrl], tls: place.tls?.pem });
  const deadline = env.clock.monotonicMs() + READY_MS;
  try {
    for (;;) {
      const problem = await admin.status(ANSWER_MS).then(() => undefined, messageOf);
      if (problem === undefined) {
        await disarmFull(admin);
        return process;
      }
      if (env.clock.monotonicMs() > deadline) {
        await process.stop();
        throw refused(`etcd does not come up on a copy of the data: ${problem}`, process.output.slice(-500));
      }
      await sleep(env.clock, LOOK_EVERY_MS);
    }
  } finally {
    admin.close();
  }
}

function factsOf(
  records: readonly StoreRecord[],
  { nodeId, ...known }: { readonly revision: number; readonly heardMs: number; readonly nodeId: string },
): RecoveryFacts {
  const tables = new Map<string, number>();
  const lost: Server[] = [];
  let ledBy = "";
  let isLeader = false;
  for (const { key, value } of records) {
    const table = partsOf(key)?.table ?? "";
    tables.set(table, (tables.get(table) ?? 0) + 1);
    if (key === LEADER_KEY) {
      const leader = readLeader(value);
      ledBy = leader?.name ?? "";
      isLeader = leader?.id === nodeId;
    }
    if (table !== servers.name) continue;
    const read = decodeRow(servers, value);
    if (read.ok && read.value.ID !== nodeId) lost.push(read.value);
  }
  return { ...known, ledBy, isLeader, lost: lost.toSorted((a, b) => (a.Name < b.Name ? -1 : 1)), tables };
}

async function newestMs({ disk }: Env, folder: string): Promise<number> {
  const names = await disk.list(folder);
  const stats = await Promise.all(names.map((name) => disk.stat(`${folder}/${name}`)));
  return Math.max(0, ...stats.map((stat) => stat?.modifiedMs ?? 0));
}

export function refused(message: string, hint: string): CodedError {
  return new CodedError("recover", message, hint);
}
