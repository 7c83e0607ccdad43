import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { EtcdAdmin } from "#base/platform/etcd/etcd-admin.ts";
import type { EtcdMember } from "#base/platform/etcd/cluster-messages.ts";
import { CLONE, clonedIdentity } from "../internal/lives-at.ts";
import { EXPELLED } from "./engine-file.ts";
import { EtcdProcess, requireEtcd } from "./etcd-process.ts";
import type { MemberTls } from "./member-tls.ts";
import { mayRemove, seeMembers, Silence, withAdmin } from "./seen-members.ts";

/** A member is up, or has said why not, within this time. */
const READY_MS = 60_000;
const LOOK_EVERY_MS = 50;
const STATUS_MS = 500;
/** A member that is silent for so long gives its place to one that joins. */
const REPLACED_MS = 15_000;
/** Within which a member answers that runs under this one's name. */
const CLONE_MS = 5000;
/** While a majority is awaited. */
const SAY_EVERY_MS = 5000;
const PROMOTE_EVERY_MS = 300;
/** One that hears the others has caught up with a usual state by then. */
const SLOW_MS = 10_000;
/** A learner that has not caught up by then goes on as one; the leader promotes it later. */
const PROMOTE_MS = 60_000;

export interface OwnEtcdOptions {
  readonly env: Pick<Env, "exec" | "clock" | "log" | "disk">;
  /** Of its data; made by etcd. */
  readonly folder: string;
  /** Of the member: the node's id, which outlives its addresses. */
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly token: string;
  readonly quotaBytes: number;
  /** It makes the cluster; others join the one that `members` belong to. */
  readonly first: boolean;
  /** Client URLs of members, as last heard of. */
  readonly members: readonly string[];
  readonly tls: MemberTls | undefined;
}

export interface StartedEtcd {
  readonly process: EtcdProcess;
  /** It serves. One with a past waits for a majority, however long; rejects with {@link EXPELLED}. */
  readonly ready: Promise<void>;
}

/**
 * Brings this server's member up, whatever its past: the first of a new cluster, a new one that learns before it votes, one that
 * comes back with its data, from another address, or without its data. Rejects with a `CodedError`.
 */
export async function startOwnEtcd(options: OwnEtcdOptions): Promise<StartedEtcd> {
  await requireEtcd(options.env.exec);
  const hasData = (await options.env.disk.stat(`${options.folder}/member`)) !== undefined;
  const others = options.members.filter((url) => url !== options.clientUrl);
  const admin = new EtcdAdmin({ endpoints: others, tls: options.tls?.pem });
  if (hasData) return startAgain(admin, others, options);
  try {
    const process = options.first ? await found(options) : await takePart(admin, options);
    return { process, ready: Promise.resolve() };
  } finally {
    admin.close();
  }
}

async function startAgain(admin: EtcdAdmin, others: readonly string[], options: OwnEtcdOptions): Promise<StartedEtcd> {
  const requireIn = (): Promise<void> => requireMember(admin, others, options);
  try {
    await requireIn();
    if (others.length > 0) await announceAddress(admin, options);
    const process = await launch(options, { initialCluster: `${options.name}=${options.peerUrl}`, isNew: false });
    const ready = whenReady(process, options, requireIn).finally(() => admin.close());
    ready.catch(() => {});
    return { process, ready };
  } catch (thrown) {
    admin.close();
    throw thrown;
  }
}

async function found(options: OwnEtcdOptions): Promise<EtcdProcess> {
  const process = await launch(options, { initialCluster: `${options.name}=${options.peerUrl}`, isNew: true });
  await whenReady(process, options);
  return process;
}

async function takePart(admin: EtcdAdmin, options: OwnEtcdOptions): Promise<EtcdProcess> {
  const members = await join(admin, options);
  const process = await launch(options, { initialCluster: clusterOf(members, options), isNew: false });
  await whenReady(process, options);
  await promoteWhenReady(admin, options);
  return process;
}

/** Rejects with a `CodedError` `expelled` where the others know this member no more; what nobody tells is no reason. */
async function requireMember(
  admin: EtcdAdmin,
  others: readonly string[],
  { name, peerUrl }: OwnEtcdOptions,
): Promise<void> {
  const members = others.length === 0 ? [] : await admin.members().catch(() => []);
  if (members.length === 0 || members.some((member) => member.name === name || member.peerUrls.includes(peerUrl)))
    return;
  throw new CodedError(
    EXPELLED,
    "this server was taken out of those that hold the state, or was away for too long",
    "nothing is to be done where it may come back: it stands by",
  );
}

/** The others find a member under the address they know: a changed one is told first. */
async function announceAddress(admin: EtcdAdmin, options: OwnEtcdOptions): Promise<void> {
  const { name, peerUrl, env } = options;
  try {
    const own = (await admin.members()).find((member) => member.name === name);
    if (own === undefined || own.peerUrls.includes(peerUrl)) return;
    await requireAlone(own, options);
    env.log.info("this server's etcd has a new address", { before: own.peerUrls[0] ?? "", now: peerUrl });
    await admin.updatePeer(own.id, peerUrl);
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    // All of them may be starting at once.
    env.log.info("no other etcd member answers yet", { error: messageOf(thrown) });
  }
}

/** Two with one identity would each break what the other promised. Rejects with a `CodedError` `clone`. */
async function requireAlone({ clientUrls }: EtcdMember, { clientUrl, tls }: OwnEtcdOptions): Promise<void> {
  const elsewhere = clientUrls.filter((url) => url !== clientUrl);
  if (elsewhere.length === 0) return;
  const answers = await withAdmin({ endpoints: elsewhere, tls: tls?.pem }, (admin) => admin.status(CLONE_MS)).then(
    () => true,
    () => false,
  );
  if (answers) throw clonedIdentity(elsewhere.join(", "));
}

function isClone(thrown: unknown): boolean {
  return thrown instanceof CodedError && thrown.code === CLONE;
}

/** Makes room for this member, in place of what was there under its name; resolves with all of them. */
async function join(admin: EtcdAdmin, options: OwnEtcdOptions): Promise<EtcdMember[]> {
  const { name, peerUrl, clientUrl, env } = options;
  const deadline = env.clock.monotonicMs() + READY_MS;
  const silence = new Silence();
  for (;;) {
    try {
      const members = await admin.members();
      const stale = members.find((member) => member.name === name);
      const waiting = members.find((member) => member.name === "" && member.peerUrls.includes(peerUrl));
      if (waiting !== undefined) return members;
      // Its data is gone: under its old identity it would break promises it does not remember.
      if (stale !== undefined) {
        await requireAlone(stale, options);
        await admin.remove(stale.id);
      }
      await admin.addLearner(peerUrl);
      return await admin.members();
    } catch (thrown) {
      if (isClone(thrown)) throw thrown;
      if (env.clock.monotonicMs() > deadline)
        throw new CodedError(
          "etcd_join",
          `the cluster's etcd does not take ${clientUrl} in: ${messageOf(thrown)}`,
          `look whether its servers are up, and reach each other: ${portsOf(options)}`,
        );
      await makeRoom(options, silence).catch(() => {});
      await sleep(env.clock, PROMOTE_EVERY_MS);
    }
  }
}

/** Etcd takes nobody in while one of its members is gone: one that stays silent gives its place to this one. */
async function makeRoom({ env, members: endpoints, tls }: OwnEtcdOptions, silence: Silence): Promise<void> {
  const place = { endpoints, tls: tls?.pem };
  const seen = await seeMembers(place);
  const nowMs = env.clock.monotonicMs();
  silence.note(seen, nowMs);
  const dead = seen.find((one) => nowMs - (silence.since(one) ?? nowMs) > REPLACED_MS);
  if (dead === undefined || !mayRemove(seen, dead)) return;
  env.log.warn("this server takes the place of one that is gone", { gone: dead.member.name });
  await withAdmin(place, (admin) => admin.remove(dead.member.id));
}

/** What a firewall has to let through. */
function portsOf({ clientUrl, peerUrl }: Pick<OwnEtcdOptions, "clientUrl" | "peerUrl">): string {
  const [client, peer] = [new URL(clientUrl).port, new URL(peerUrl).port];
  return `TCP ports ${client} and ${peer} have to be open between all servers`;
}

function clusterOf(members: readonly EtcdMember[], { name, peerUrl }: OwnEtcdOptions): string {
  return members
    .flatMap((member) => {
      const own = member.peerUrls.includes(peerUrl);
      return member.peerUrls.map((url) => `${own ? name : member.name}=${url}`);
    })
    .join(",");
}

async function launch(
  { env, folder, name, clientUrl, peerUrl, token, quotaBytes, tls }: OwnEtcdOptions,
  how: { readonly initialCluster: string; readonly isNew: boolean },
): Promise<EtcdProcess> {
  const process = new EtcdProcess({ env, folder, name, clientUrl, peerUrl, token, quotaBytes, tls, ...how });
  await process.start();
  return process;
}

/** `requireIn`: of one with a past, which may take as long as it takes for a majority to be there. Ended where it rejects. */
async function whenReady(
  process: EtcdProcess,
  { env: { clock, log }, clientUrl, tls }: OwnEtcdOptions,
  requireIn?: () => Promise<void>,
): Promise<void> {
  const own = new EtcdAdmin({ endpoints: [clientUrl], tls: tls?.pem });
  const startedMs = clock.monotonicMs();
  let saidMs = startedMs;
  try {
    while (!process.isStopped) {
      const problem = await own.status(STATUS_MS).then(() => undefined, messageOf);
      if (problem === undefined) return;
      const nowMs = clock.monotonicMs();
      if (requireIn === undefined && nowMs - startedMs > READY_MS) throw notReady(problem, process);
      if (requireIn !== undefined && nowMs - saidMs > SAY_EVERY_MS) {
        saidMs = nowMs;
        await requireIn();
        log.warn("the state waits for a majority of its servers", { said: lastLine(process) });
      }
      await sleep(clock, LOOK_EVERY_MS);
    }
    throw new CodedError("etcd_start", "etcd was stopped while it started");
  } catch (thrown) {
    await process.stop();
    throw thrown;
  } finally {
    own.close();
  }
}

function notReady(problem: string, process: EtcdProcess): CodedError {
  return new CodedError(
    "etcd_start",
    `etcd does not come up: ${problem}; it says: ${lastLine(process)}`,
    "look at its log",
  );
}

function lastLine({ output }: EtcdProcess): string {
  return output.trim().split("\n").at(-1) ?? "";
}

async function promoteWhenReady(admin: EtcdAdmin, options: OwnEtcdOptions): Promise<void> {
  const { name, env } = options;
  const beganMs = env.clock.monotonicMs();
  let problem = "";
  let isSaid = false;
  while (env.clock.monotonicMs() - beganMs < PROMOTE_MS) {
    if (!isSaid && env.clock.monotonicMs() - beganMs > SLOW_MS) {
      isSaid = true;
      env.log.warn(`this server's etcd hears little of the others; ${portsOf(options)}`, { problem });
    }
    try {
      const own = (await admin.members()).find((member) => member.name === name);
      if (own !== undefined && !own.isLearner) return;
      if (own !== undefined) await admin.promote(own.id);
    } catch (thrown) {
      problem = messageOf(thrown);
    }
    await sleep(env.clock, PROMOTE_EVERY_MS);
  }
  env.log.warn("this server's etcd still learns; it votes once it has caught up", { problem });
}
