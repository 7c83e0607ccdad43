import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { VaultDependency } from "../../dependencies/dependency.ts";
import type { Sink } from "../../engine/source.ts";
import { Attempts } from "../attempts.ts";
import { LeaseSchema, renewAfterMs, restMs, type Lease } from "./lease.ts";
import { locateSecret } from "./mounts.ts";
import { pause } from "./pause.ts";
import type { VaultSourceOptions } from "./vault-options.ts";
import { readBody } from "./vault-api.ts";

type Secret = Extract<VaultDependency, { kind: "vault.read" | "vault.write" | "vault.list" }>;

/** A renewal that grants less than this part of the first lease means its end is near. */
const ENOUGH = 2 / 3;

/** Reads a secret, keeps its lease alive, and reads it anew before it ends. */
export async function followSecret<V>(
  dependency: Secret,
  options: VaultSourceOptions<V> & { readonly sink: Sink<V> },
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, sink, leases } = options;
  const attempts = new Attempts(options.retry);
  let last: string | undefined;
  while (!signal.aborted) {
    const answer = await read(dependency, options, signal);
    if (signal.aborted) return;
    if (!answer.ok) {
      const retryMs = attempts.failed();
      sink.failed(answer.error.message, retryMs);
      if (retryMs === undefined) return;
      await pause(clock, retryMs, signal);
      continue;
    }
    attempts.succeeded();
    const { value, lease } = answer.value;
    // Every answer has another request id; the data decides, but for leases, which are new ones each time.
    const mark = `${lease.lease_id} ${JSON.stringify(lease.data)}`;
    if (mark !== last) sink.value(value);
    last = mark;
    if (lease.renewable && lease.lease_id !== "") await keepAlive(lease, options, signal);
    else await pause(clock, restMs(lease, leases, { nowMs: clock.nowMs(), chance: random.float() }), signal);
  }
}

interface Answer<V> {
  readonly value: V;
  readonly lease: Lease;
}

async function read<V>(
  dependency: Secret,
  options: VaultSourceOptions<V>,
  signal: AbortSignal,
): Promise<Result<Answer<V>>> {
  const token = await options.token.ready(signal);
  if (!token.ok) return token;
  const text = await ask(dependency, options, signal);
  if (!text.ok) return text;
  const lease = readBody(text.value, LeaseSchema);
  if (!lease.ok) return lease;
  if (dependency.kind === "vault.read" && isDeleted(lease.value))
    return fail("missing", `no secret exists at ${dependency.path}: its newest version was deleted`);
  try {
    const make = dependency.kind === "vault.list" ? options.list : options.secret;
    return succeed({ value: make(text.value), lease: lease.value });
  } catch (thrown) {
    return fail(
      "unexpected",
      `vault answered ${dependency.path} with something else than documented: ${String(thrown)}`,
    );
  }
}

async function ask<V>(
  dependency: Secret,
  { api }: VaultSourceOptions<V>,
  signal: AbortSignal,
): Promise<Result<string>> {
  const area = dependency.kind === "vault.list" ? "metadata" : "data";
  const { path, isVersioned } = await locateSecret(api, dependency.path, { area, signal });
  switch (dependency.kind) {
    case "vault.read":
      return api.get(path, { version: dependency.version }, signal);
    case "vault.list":
      return api.get(path, { list: true }, signal);
    case "vault.write": {
      const data = Object.fromEntries(dependency.data);
      const written = await api.put(path, isVersioned ? { data } : data, signal);
      // Some writes are answered with nothing.
      return written.ok && written.value === "" ? succeed("{}") : written;
    }
  }
}

/** The versioned engine answers a deleted version with its metadata and no data. */
function isDeleted({ data }: Lease): boolean {
  return data !== null && data !== undefined && data["data"] === null && typeof data["metadata"] === "object";
}

const RenewedSchema = v.object({ lease_duration: v.nullish(v.number(), 0), renewable: v.nullish(v.boolean(), true) });

/** Renews at two thirds of the lease, again and again; returns when it is time for a new one. */
async function keepAlive<V>(
  lease: Lease,
  options: VaultSourceOptions<V> & { readonly sink: Sink<V> },
  signal: AbortSignal,
): Promise<void> {
  const { api, clock, random, sink } = options;
  const first = lease.lease_duration;
  let left = first;
  for (;;) {
    const pauseMs = renewAfterMs(left, random.float());
    const beforeEndMs = clock.monotonicMs() + left * 1000;
    await pause(clock, pauseMs, signal);
    if (signal.aborted || left < first * ENOUGH) return;
    const answer = await api.put("sys/leases/renew", { lease_id: lease.lease_id, increment: first }, signal);
    const renewed = answer.ok ? readBody(answer.value, RenewedSchema) : answer;
    if (signal.aborted) return;
    if (!renewed.ok) {
      // It cannot be renewed: the server is away (the old one still holds for a while), or the lease is gone.
      sink.failed(
        `the lease of a secret cannot be renewed: ${renewed.error.message}`,
        Math.max(0, beforeEndMs - clock.monotonicMs()),
      );
      return;
    }
    left = renewed.value.lease_duration;
    if (!renewed.value.renewable || left <= 0) return;
  }
}
