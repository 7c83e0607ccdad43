import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { nowNs, sleep } from "#base/env/clock.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { AllocReportSchema, type AllocClientStatus } from "#base/protocol/alloc.ts";
import type { ClientAlloc, ServerLink } from "#daemons/scheduler/link.ts";
import type { Machine } from "../machine/node.ts";
import { linkTo } from "./link-exchange.ts";
import { simNode } from "./workload.ts";

const FAILS = 0.05;
const POLL_MS = 10_000;
const RETRY_MS = 1000;
const FOLDER = "/allocs";

/** A client as the servers see one: registers, heartbeats, polls, and says of each allocation how its tasks fare. */
export async function runClientNode(machine: Machine, server: string): Promise<void> {
  const client = new ClientNode(machine, linkTo(machine.env.http, server));
  await client.remember();
  await Promise.all([client.beat(), client.follow()]);
}

class ClientNode {
  readonly #machine: Machine;
  readonly #link: ServerLink;
  readonly #statuses = new Map<string, AllocClientStatus>();
  /** The deployment each allocation's health is found for, or was. */
  readonly #judged = new Map<string, string>();
  readonly #health = new Map<string, { readonly Healthy: boolean; readonly Timestamp: number }>();

  constructor(machine: Machine, link: ServerLink) {
    this.#machine = machine;
    this.#link = link;
  }

  /** What it knew before it went down: an allocation that ended is not begun again. */
  async remember(): Promise<void> {
    const { disk, clock } = this.#machine.env;
    await disk.makeDir(FOLDER);
    for (const id of await disk.list(FOLDER)) {
      const status = textOf((await disk.read(`${FOLDER}/${id}`)) ?? new Uint8Array(0));
      if (status !== "running" && status !== "failed" && status !== "complete") continue;
      this.#statuses.set(id, status);
      void sleep(clock, 1).then(() => this.#report(id, status));
    }
  }

  async beat(): Promise<void> {
    const { env, name, address } = this.#machine;
    let registered = false;
    for (;;) {
      try {
        const { ttlMs } = registered
          ? await this.#link.heartbeat(name)
          : await this.#link.register(simNode(name, address));
        registered = true;
        await sleep(env.clock, ttlMs / 2);
      } catch (thrown) {
        if (thrown instanceof CodedError && thrown.code === "unknown_node") registered = false;
        env.log.debug("no heartbeat", { error: messageOf(thrown) });
        await sleep(env.clock, RETRY_MS);
      }
    }
  }

  async follow(): Promise<void> {
    const { env, name } = this.#machine;
    let index = 0;
    for (;;) {
      try {
        const { signal } = new AbortController();
        const reply = await this.#link.allocs({ nodeId: name, index, waitMs: POLL_MS, signal });
        index = reply.index;
        for (const each of reply.allocs) this.#look(each);
      } catch (thrown) {
        env.log.debug("no allocations", { error: messageOf(thrown) });
        // The server may be another life with an older index.
        index = 0;
        await sleep(env.clock, RETRY_MS);
      }
    }
  }

  #look({ alloc, job, ended }: ClientAlloc): void {
    const { env } = this.#machine;
    const status = this.#statuses.get(alloc.ID);
    if (ended === true) return;
    if (alloc.DesiredStatus === "run" && !alloc.Lost) {
      // The servers lost sight of it, and hear that it goes on.
      if (status === "running" && alloc.AllocStates?.at(-1)?.Value === "unknown") void this.#report(alloc.ID, status);
      if (status === "running") this.#judge(alloc, job.Meta["flaky"] === "true");
      if (status === undefined) this.#become(alloc.ID, env.random.float() < FAILS ? "failed" : "running");
    } else if (status !== "complete" && status !== "failed") this.#become(alloc.ID, "complete");
  }

  /** Health is found after a while; flaky jobs often have none. */
  #judge({ ID, DeploymentID }: ClientAlloc["alloc"], flaky: boolean): void {
    const { env } = this.#machine;
    if (DeploymentID === "" || this.#judged.get(ID) === DeploymentID) return;
    this.#judged.set(ID, DeploymentID);
    this.#health.delete(ID);
    // Decided once: the same after a restart.
    const Healthy = !flaky || Number.parseInt(ID.slice(0, 2), 16) % 2 === 0;
    void sleep(env.clock, 1000 + env.random.float() * 3000).then(() => {
      const status = this.#statuses.get(ID);
      if (this.#judged.get(ID) !== DeploymentID || status !== "running") return;
      this.#health.set(ID, { Healthy, Timestamp: nowNs(env.clock) });
      return this.#report(ID, status);
    });
  }

  #become(id: string, status: AllocClientStatus): void {
    const { env } = this.#machine;
    this.#statuses.set(id, status);
    void sleep(env.clock, env.random.float() * 500).then(() => this.#report(id, status));
  }

  /** Before anyone is told: a promise made is one remembered. A full disk is waited out. */
  async #keep(id: string, status: AllocClientStatus): Promise<void> {
    const { env } = this.#machine;
    for (;;) {
      try {
        await env.disk.replace(`${FOLDER}/${id}`, status);
        return;
      } catch (thrown) {
        env.log.debug("status not kept", { error: messageOf(thrown) });
        await sleep(env.clock, RETRY_MS);
      }
    }
  }

  async #report(id: string, status: AllocClientStatus): Promise<void> {
    const { env, name } = this.#machine;
    await this.#keep(id, status);
    for (;;) {
      // What came later reports itself.
      if (this.#statuses.get(id) !== status) return;
      try {
        const fields = {
          AllocID: id,
          NodeID: name,
          ClientStatus: status,
          DeploymentStatus: this.#health.get(id) ?? null,
          DeploymentID: this.#judged.get(id) ?? "",
          ModifyTime: nowNs(env.clock),
        };
        await this.#link.report([v.parse(AllocReportSchema, fields)]);
        return;
      } catch (thrown) {
        env.log.debug("report not taken", { error: messageOf(thrown) });
        await sleep(env.clock, RETRY_MS);
      }
    }
  }
}
