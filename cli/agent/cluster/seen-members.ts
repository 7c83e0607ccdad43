import type { EtcdMember } from "#base/platform/etcd/cluster-messages.ts";
import { EtcdAdmin } from "#base/platform/etcd/etcd-admin.ts";
import type { EtcdTlsSource } from "#base/platform/etcd/grpc-connection.ts";
import type { MemberStatus } from "#base/platform/etcd/maintenance-messages.ts";
import { EtcdError } from "#base/state/etcd/api.ts";

const ANSWER_MS = 2000;

/** A member and how it answered. */
export interface SeenMember {
  readonly member: EtcdMember;
  /** Undefined: not at all. */
  readonly status: MemberStatus | undefined;
}

export interface MemberPlace {
  /** Client URLs. */
  readonly endpoints: readonly string[];
  readonly tls: EtcdTlsSource | undefined;
}

/** Every member, and how it is. Rejects where none answers. */
export async function seeMembers(place: MemberPlace): Promise<SeenMember[]> {
  return withAdmin(place, async (admin) => {
    const members = await admin.members();
    return Promise.all(members.map(async (member) => ({ member, status: await statusOf(member, place.tls) })));
  });
}

async function statusOf({ clientUrls }: EtcdMember, tls: MemberPlace["tls"]): Promise<MemberStatus | undefined> {
  if (clientUrls.length === 0) return undefined;
  return withAdmin({ endpoints: clientUrls, tls }, (admin) => admin.status(ANSWER_MS)).catch(() => undefined);
}

/** It answers, and knows who leads them. */
export function serves({ status }: SeenMember): boolean {
  return status !== undefined && status.leaderId !== 0n;
}

/** Asks the first member that can be reached. */
export async function withAdmin<T>({ endpoints, tls }: MemberPlace, run: (admin: EtcdAdmin) => Promise<T>): Promise<T> {
  const admin = new EtcdAdmin({ endpoints, tls });
  try {
    // One that cannot be reached is passed over the next time.
    for (let tries = 1; ; tries += 1)
      try {
        return await run(admin);
      } catch (thrown) {
        const isElsewhere = thrown instanceof EtcdError && thrown.kind === "unavailable" && tries < endpoints.length;
        if (!isElsewhere) throw thrown;
      }
  } finally {
    admin.close();
  }
}

/** Those that answer have to be a majority of the members that stay. */
export function mayRemove(seen: readonly SeenMember[], gone: SeenMember): boolean {
  const voters = seen.filter(({ member }) => !member.isLearner && member.id !== gone.member.id);
  const alive = voters.filter(({ status }) => status !== undefined).length;
  return voters.length > 0 && alive > voters.length / 2;
}

/** Since when members have been silent, and when each was first seen. */
export class Silence {
  readonly #sinceMs = new Map<bigint, number>();
  readonly #firstMs = new Map<bigint, number>();

  note(seen: readonly SeenMember[], nowMs: number): void {
    for (const { member, status } of seen) {
      if (!this.#firstMs.has(member.id)) this.#firstMs.set(member.id, nowMs);
      if (status !== undefined) this.#sinceMs.delete(member.id);
      else if (!this.#sinceMs.has(member.id)) this.#sinceMs.set(member.id, nowMs);
    }
  }

  /** Undefined: it answers. */
  since({ member }: SeenMember): number | undefined {
    return this.#sinceMs.get(member.id);
  }

  /** Another member came after this one fell silent, and is well. */
  isReplaced(gone: SeenMember, seen: readonly SeenMember[]): boolean {
    const sinceMs = this.since(gone) ?? Number.POSITIVE_INFINITY;
    return seen.some(({ member, status }) => status !== undefined && (this.#firstMs.get(member.id) ?? 0) > sinceMs);
  }

  clear(): void {
    this.#sinceMs.clear();
    this.#firstMs.clear();
  }
}
