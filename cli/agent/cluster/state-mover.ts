import type { Env } from "#base/env/env.ts";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import { StateCopy } from "#base/state/copy-state.ts";
import { openEtcdStore } from "#base/state/etcd/etcd-store.ts";
import { createEtcdClient } from "#base/platform/etcd/etcd-client.ts";
import { INDEX_OFFSET_KEY } from "#base/state/index-offset.ts";
import type { Store } from "#base/state/store.ts";
import type { Engine } from "#daemons/scheduler/http/state-keeper.ts";
import { writeEngineFile, type EngineFile, type EtcdEngine } from "./engine-file.ts";
import { etcdFolder, startOwnMember, type OwnMember, type OwnMemberDeps } from "./own-member.ts";

export interface StateMoverDeps extends OwnMemberDeps {
  readonly env: Env;
  /** What is moved, as it is known: with its indexes. */
  readonly source: Store;
  /** What the agent finds when it starts anew: a member that runs already, so that writes do not wait for one to start. */
  readonly carried: { member: OwnMember | undefined } | undefined;
}

interface Target {
  readonly store: Store;
  /** What the agent reads when it starts anew. */
  readonly file: (indexOffset: number) => EngineFile;
  /** In the store itself, where the engine's file does not keep it. */
  readonly offsetOps: (indexOffset: number) => Parameters<Store["txn"]>[0]["then"];
  /** Leaves what the new start goes on with. */
  handOver(): Promise<void>;
  /** Of a move that is not made. */
  close(): Promise<void>;
}

/**
 * One move of the state to another engine: all is copied while the agent works, what is written meanwhile too, and when the agent has
 * stopped the two are compared and the new one is put in force. Until that moment nothing has changed.
 */
export class StateMove {
  readonly #deps: StateMoverDeps;
  readonly #target: Target;
  readonly #copy: StateCopy;

  private constructor(deps: StateMoverDeps, target: Target) {
    this.#deps = deps;
    this.#target = target;
    this.#copy = new StateCopy(deps.source, target.store);
  }

  /** Resolves once what was there is copied. Rejects with what went wrong, and has taken everything back. */
  static async begin(deps: StateMoverDeps, to: Engine): Promise<StateMove> {
    const target = to === "etcd" ? await newEtcd(deps) : await newSqlite(deps);
    const move = new StateMove(deps, target);
    try {
      await move.#copy.start();
      return move;
    } catch (thrown) {
      await move.abandon();
      throw thrown;
    }
  }

  /** Nothing writes any more: the rest, the comparison, and the switch. Rejects where the old engine stays in force. */
  async finish(): Promise<void> {
    const { source, env, folder } = this.#deps;
    try {
      await this.#copy.finish();
      const indexOffset = source.status().revision;
      const then = this.#target.offsetOps(indexOffset);
      if (then.length > 0) await this.#target.store.txn({ then });
      await writeEngineFile(env.disk, folder.state, this.#target.file(indexOffset));
    } catch (thrown) {
      await this.#target.close();
      throw thrown;
    }
    await this.#target.handOver();
  }

  async abandon(): Promise<void> {
    this.#copy.stop();
    await this.#target.close();
  }
}

/** A fresh etcd of this server alone. */
export async function newEtcd(deps: StateMoverDeps): Promise<Target> {
  const { env, folder, nodeId } = deps;
  // What an earlier member left behind is of another cluster.
  await env.disk.remove(etcdFolder(folder));
  const token = env.random.uuid();
  const file: EtcdEngine = { engine: "etcd", token, members: [], first: true };
  const member = await startOwnMember(deps, file);
  try {
    const pem = member.tls?.pem;
    const api = createEtcdClient({ endpoints: [member.clientUrl], ...(pem === undefined ? {} : { tls: pem }) });
    const store = await openEtcdStore({ api, clock: env.clock, writer: nodeId, session: env.random.uuid() });
    return {
      store,
      // From now on its data say that it belongs to a cluster: without them it must not make another one.
      file: () => ({ ...file, members: [member.clientUrl], first: false }),
      offsetOps: (indexOffset) => [{ op: "put", key: INDEX_OFFSET_KEY, value: String(indexOffset) }],
      handOver: async () => {
        await store.close();
        if (deps.carried === undefined) await member.stop(0);
        else deps.carried.member = member;
      },
      close: async () => {
        await store.close();
        await member.stop(0);
      },
    };
  } catch (thrown) {
    await member.stop();
    throw thrown;
  }
}

async function newSqlite({ env, folder, source }: StateMoverDeps): Promise<Target> {
  const name = `sqlite-${source.status().revision}`;
  const path = `${folder.state}/${name}`;
  await env.disk.remove(path);
  await env.disk.makeDir(path, { mode: 0o700 });
  const store = await openSqliteStore({ folder: path, log: env.log.child("state") });
  return {
    store,
    file: (indexOffset) => ({ engine: "sqlite", folder: name, indexOffset }),
    offsetOps: () => [],
    handOver: () => store.close(),
    close: () => store.close(),
  };
}
