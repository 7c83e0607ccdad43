import { createEnv } from "#base/platform/create-env.ts";
import { localPreset } from "#daemons/discovery/gossip/presets.ts";
import { createGossip } from "#daemons/discovery/gossip/shell/create-gossip.ts";
import type { Keyring } from "#daemons/discovery/gossip/security/keyring.ts";
import type { SerfEvent } from "#daemons/discovery/serf/core/core-ports.ts";
import { RpcServer } from "#daemons/discovery/serf/rpc/rpc-server.ts";
import { Serf } from "#daemons/discovery/serf/shell/serf.ts";

export interface Owner {
  teardown(release: () => unknown): void;
}

export interface LiveOptions {
  readonly tags?: Readonly<Record<string, string>>;
  readonly keyring?: Keyring;
  readonly snapshotPath?: string;
  readonly authKey?: string;
  /** Default: a free one. */
  readonly port?: number;
}

/** A node of ours on real sockets of loopback, with its RPC port; everything goes with the test. */
export async function startSerf(owner: Owner, name: string, options: LiveOptions = {}) {
  const env = createEnv({ logLevel: "error" });
  const { keyring, snapshotPath, tags = {}, authKey = "", port = 0 } = options;
  const events: SerfEvent[] = [];
  const serf = new Serf({
    env,
    name,
    tags,
    // Answers of a busy machine take longer than the usual second and a half.
    settings: { gossipIntervalMs: localPreset.gossipIntervalMs, queryTimeoutMultiplier: 40 },
    leavePropagateMs: 500,
    gossip: (delegate) =>
      createGossip({
        env,
        name,
        bind: { host: "127.0.0.1", port },
        settings: localPreset,
        delegate,
        delegateVersions: [2, 5, 5],
        ...(keyring === undefined ? {} : { keyring }),
      }),
    ...(keyring === undefined ? {} : { keyring }),
    ...(snapshotPath === undefined ? {} : { snapshotPath }),
  });
  serf.subscribe((event) => events.push(event));
  let left = 0;
  const leave = async (): Promise<void> => {
    left += 1;
    await serf.stop();
  };
  const rpc = new RpcServer(env.net, { serf, clock: env.clock, logFeed: env.logHub, authKey, leave });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      await rpc.stop();
      await serf.stop();
      env.close();
    })();
    return stopped;
  };
  owner.teardown(stop);
  await serf.start();
  await rpc.start({ host: "127.0.0.1", port: 0 });
  return {
    serf,
    events,
    stop,
    place: `127.0.0.1:${serf.gossip.address.port}`,
    rpcPlace: `127.0.0.1:${rpc.address?.port ?? 0}`,
    timesLeft: () => left,
    statusOf: (other: string) => serf.core.members.get(other)?.status,
  };
}

export type LiveSerf = Awaited<ReturnType<typeof startSerf>>;
