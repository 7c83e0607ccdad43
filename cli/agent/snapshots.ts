import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { SealedKeys } from "#base/state/snapshot/sealed-keys.ts";
import { Snapshots } from "#base/state/snapshot/snapshots.ts";
import { adoptRootKey } from "#daemons/scheduler/server/keyring/sealed-keys.ts";
import { loadWrappingKey } from "#daemons/scheduler/server/keyring/wrapping-key.ts";
import type { Composition } from "./composition.ts";
import { gossipKeysPath, keysIn } from "./gossip.ts";
import { clusterFolder } from "./internal/membership.ts";

type Known = Pick<Composition, "config" | "env" | "folder" | "state" | "identity" | "cluster" | "restart">;

const CarriedSchema = v.object({ rootKey: v.string(), gossipKeys: v.array(v.string()) });
type Carried = v.InferOutput<typeof CarriedSchema>;

/** Snapshots of this server's cluster. */
export async function createSnapshots(known: Known): Promise<Snapshots> {
  const { config, env, state, identity, cluster } = known;
  return new Snapshots({
    env,
    ...state,
    passphrase: config.server.snapshotKey,
    keys: await sealedKeys(known),
    ownNodeId: identity.nodeId,
    sharesState: cluster !== undefined,
    onAnotherCluster: (carried) => changeCluster(known, read(carried)),
  });
}

async function sealedKeys({ env, folder }: Known): Promise<SealedKeys> {
  const wrappingKey = await loadWrappingKey(env, folder.keyring, false);
  return {
    async carried() {
      const path = gossipKeysPath(folder);
      const found = await env.disk.read(path);
      const carried: Carried = {
        rootKey: Buffer.from(wrappingKey).toString("base64"),
        gossipKeys: found === undefined ? [] : [...keysIn(textOf(found), path)],
      };
      return JSON.stringify(carried);
    },
    adopt(value, carried) {
      const rootKey = read(carried)?.rootKey;
      const theirs = rootKey === undefined ? undefined : Buffer.from(rootKey, "base64");
      return adoptRootKey(value, { wrappingKey, theirs, random: env.random });
    },
  };
}

/** Its certificate and gossip are the former cluster's: it starts anew as the first server of the one that was restored. */
async function changeCluster({ env, folder, restart }: Known, carried: Carried | undefined): Promise<void> {
  if (carried !== undefined && carried.gossipKeys.length > 0)
    await env.disk.replace(gossipKeysPath(folder), `${JSON.stringify(carried.gossipKeys)}\n`, { mode: 0o600 });
  await env.disk.remove(clusterFolder(folder.root));
  env.log.warn("this server is of the restored cluster now, and starts anew");
  // Whoever asked is answered first.
  env.clock.soon(() => restart?.());
}

function read(carried: string | undefined): Carried | undefined {
  return carried === undefined ? undefined : v.parse(CarriedSchema, JSON.parse(carried));
}
