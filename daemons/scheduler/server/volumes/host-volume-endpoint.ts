import { sleep } from "#base/env/clock.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { HostVolume } from "#base/protocol/host-volume.ts";
import { absent, put, remove, unchanged } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { hostVolumes, volumeClaims } from "#base/state/tables.ts";
import { DEFAULT_NAMESPACE, findNamespace } from "../tenancy/namespace.ts";
import { nowNsOf, readable, type ServerContext } from "../server-context.ts";
import { chooseNode } from "./choose-node.ts";
import { forgetVolume } from "./settled-volumes.ts";
import { changeProblem, volumeProblem } from "./volume-rules.ts";
import { volumeStanding } from "./volume-standing.ts";
import { volumeUsers } from "./volume-users.ts";

/** A plugin has a minute; then the node has to say so. */
const NODE_WAIT_MS = 70_000;
/** Volumes of the whole cluster. */
export const MAX_HOST_VOLUMES = 10_000;
const DEFAULT_PLUGIN = "mkdir";
const DEFAULT_CAPABILITY = { AccessMode: "single-node-writer", AttachmentMode: "file-system" };

/** What users do to host volumes. Each waits until the volume's node has done it, and hands on what that complains of. */
export class HostVolumeEndpoint {
  readonly #context: ServerContext;
  readonly #waitMs: number;

  constructor(context: ServerContext, waitMs = NODE_WAIT_MS) {
    this.#context = context;
    this.#waitMs = waitMs;
  }

  find(namespace: string, id: string): Row<HostVolume> | undefined {
    return this.#context.state.view.table(hostVolumes).get(namespace, id);
  }

  /** By its id, whatever its namespace. */
  findById(id: string): Row<HostVolume> | undefined {
    const table = this.#context.state.view.table(hostVolumes);
    const usual = table.get(DEFAULT_NAMESPACE, id);
    if (usual !== undefined || id === "") return usual;
    for (const row of table.list(undefined, id)) if (row.id === id) return row;
    return undefined;
  }

  /** Makes a volume, or, where it has an id, changes that one. */
  create(given: HostVolume): Promise<Result<Row<HostVolume>>> {
    const wanted = { ...complete(given), PluginID: given.PluginID || (given.ID === "" ? DEFAULT_PLUGIN : "") };
    return this.#apply({ ...wanted, HostPath: "", CapacityBytes: 0 });
  }

  /** Makes known what somebody else made. */
  register(given: HostVolume): Promise<Result<Row<HostVolume>>> {
    const wanted = complete(given);
    const missing = wanted.HostPath === "" ? "host_path" : wanted.NodeID === "" ? "node_id" : undefined;
    if (missing !== undefined && wanted.ID === "")
      return Promise.resolve(fail("invalid", `${missing} is missing: a volume is registered where it already is`));
    return this.#apply(wanted);
  }

  /** `force`: forgets a volume whose node does not answer; what is on that node stays there. */
  async remove(row: Row<HostVolume>, { force }: { readonly force: boolean }): Promise<Result<number>> {
    const { state, store, writer } = this.#context;
    const users = volumeUsers(state, row.value);
    if (users.length > 0) {
      const names = users.slice(0, 5).map(({ alloc }) => alloc.ID);
      return fail("in_use", `volume ${row.id} is in use by allocations ${names.join(", ")}`, "stop their jobs first");
    }
    if (force) return succeed(await readable(this.#context, await writer.write(forgetVolume(this.#context, row))));
    const value = {
      ...row.value,
      Deleting: true,
      Revision: row.value.Revision + 1,
      ModifyTime: nowNsOf(this.#context),
    };
    const done = await store.txn({ compare: [unchanged(hostVolumes, row)], then: [put(hostVolumes, row, value)] });
    await readable(this.#context, done.revision);
    if (!done.ok) return fail("conflict", `volume ${row.id} was changed at the same time`, "try again");
    const gone = await this.#wait(() => {
      if (this.find(row.namespace, row.id) === undefined) return "";
      const { news } = volumeStanding(state, value);
      return news?.State === "failed" ? news.Message : undefined;
    });
    if (gone === "") return succeed(state.view.table(hostVolumes).lastIndex);
    return gone === undefined
      ? fail(
          "no_answer",
          `node ${value.NodeID} has not deleted the volume yet, and will when it can`,
          "-force forgets it",
        )
      : fail("plugin", `could not delete the volume: ${gone}`);
  }

  async removeClaim(namespace: string, id: string): Promise<Result<number>> {
    const { state, writer } = this.#context;
    if (state.view.table(volumeClaims).get(namespace, id) === undefined) return fail("not_found", "claim not found");
    return succeed(await readable(this.#context, await writer.write([remove(volumeClaims, namespace, id)])));
  }

  async #apply(wanted: HostVolume): Promise<Result<Row<HostVolume>>> {
    const { state } = this.#context;
    if (findNamespace(state.view, wanted.Namespace) === undefined)
      return fail("invalid", `namespace ${JSON.stringify(wanted.Namespace)} does not exist`);
    const prepared = wanted.ID === "" ? this.#fresh(wanted) : this.#changed(wanted);
    if (!prepared.ok) return prepared;
    const { before, value } = prepared.value;
    const at = { namespace: value.Namespace, id: value.ID };
    const guard = before === undefined ? absent(hostVolumes, at.namespace, at.id) : unchanged(hostVolumes, before);
    const done = await this.#context.store.txn({ compare: [guard], then: [put(hostVolumes, at, value)] });
    await readable(this.#context, done.revision);
    if (!done.ok) return fail("conflict", `volume ${value.ID} was changed at the same time`, "try again");
    const failed = await this.#wait(() => {
      const { state: now, news } = volumeStanding(state, value);
      if (news?.State === "failed") return news.Message;
      return now === "ready" ? "" : undefined;
    });
    const row = this.find(at.namespace, at.id);
    if (failed !== undefined && failed !== "") {
      // What never was there is not kept; its node hears of it when it asks.
      if (before === undefined && row !== undefined) await this.#giveUp(row);
      return fail("plugin", `could not ${before === undefined ? "make" : "change"} the volume: ${failed}`);
    }
    return row === undefined ? fail("not_found", "the volume was deleted at the same time") : succeed(row);
  }

  #fresh(wanted: HostVolume): Result<Prepared> {
    const { state, env } = this.#context;
    const problem = volumeProblem(wanted);
    if (problem !== undefined) return fail("invalid", problem);
    if (state.view.table(hostVolumes).size >= MAX_HOST_VOLUMES)
      return fail("invalid", `a cluster has ${MAX_HOST_VOLUMES} host volumes at most`);
    const node = chooseNode(state, wanted);
    if (!node.ok) return node;
    const CreateTime = nowNsOf(this.#context);
    const placed = { NodeID: node.value.ID, NodePool: node.value.NodePool, CreateTime, ModifyTime: CreateTime };
    return succeed({ before: undefined, value: { ...wanted, ...placed, ID: env.random.uuid(), Revision: 1 } });
  }

  #changed(wanted: HostVolume): Result<Prepared> {
    const before = this.find(wanted.Namespace, wanted.ID);
    if (before === undefined)
      return fail("not_found", `there is no volume ${wanted.ID} to change`, "leave out its id to make one");
    const problem = changeProblem(before.value, wanted);
    if (problem !== undefined) return fail("invalid", problem);
    const { ID, Namespace, Name, PluginID, NodeID, NodePool, HostPath, CreateTime, Revision } = before.value;
    const kept = { ID, Namespace, Name, PluginID, NodeID, NodePool, HostPath, CreateTime };
    const now = { Revision: Revision + 1, ModifyTime: nowNsOf(this.#context) };
    const value: HostVolume = { ...wanted, ...kept, ...now };
    const wrong = volumeProblem(value);
    return wrong === undefined ? succeed({ before, value }) : fail("invalid", wrong);
  }

  async #giveUp(row: Row<HostVolume>): Promise<void> {
    const value = { ...row.value, Deleting: true, Revision: row.value.Revision + 1 };
    await this.#context.store.txn({ compare: [unchanged(hostVolumes, row)], then: [put(hostVolumes, row, value)] });
  }

  /** What `look` finds after a change of the state; undefined: nothing in the time there is. */
  async #wait(look: () => string | undefined): Promise<string | undefined> {
    const { state, env } = this.#context;
    const found = look();
    if (found !== undefined) return found;
    const over = new AbortController();
    let seen: string | undefined;
    const unfollow = state.view.onChange(() => {
      seen ??= look();
      if (seen !== undefined) over.abort();
    });
    await sleep(env.clock, this.#waitMs, over.signal);
    unfollow();
    return seen;
  }
}

interface Prepared {
  /** Undefined: it is new. */
  readonly before: Row<HostVolume> | undefined;
  readonly value: HostVolume;
}

function complete(given: HostVolume): HostVolume {
  const { RequestedCapabilities: asked } = given;
  const capabilities = asked.length === 0 ? [DEFAULT_CAPABILITY] : asked;
  return {
    ...given,
    Namespace: given.Namespace === "" ? DEFAULT_NAMESPACE : given.Namespace,
    RequestedCapabilities: capabilities.map(({ AccessMode, AttachmentMode }) => ({
      AccessMode: AccessMode || DEFAULT_CAPABILITY.AccessMode,
      AttachmentMode: AttachmentMode || DEFAULT_CAPABILITY.AttachmentMode,
    })),
    Deleting: false,
    Revision: 0,
  };
}
