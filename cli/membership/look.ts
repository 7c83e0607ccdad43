import { createEnv } from "#base/platform/create-env.ts";
import { systemLinkSockets } from "#base/platform/link-sockets.ts";
import type { MemberRole } from "#base/protocol/cluster.ts";
import { loadIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import { openDataFolder } from "../agent/data-folder.ts";
import type { FlagValues, Invocation, RunCommand } from "../command/command.ts";
import { findCluster, type Looked } from "./find-cluster.ts";
import { foundCluster } from "./init.ts";
import { joinCluster } from "./join.ts";
import { nodeConfig } from "./node-config.ts";

interface Looking {
  /** Undefined: what the cluster needs. */
  readonly role?: MemberRole | undefined;
  /** Makes a cluster where there is none. */
  readonly founds: boolean;
  /** Prints the line by which others join it. Default true. */
  readonly invites?: boolean;
  /** Where one was made: the others are told that it comes, until this resolves. Default: while it is made. */
  readonly heraldedUntil?: () => Promise<void>;
  /** Is told how it stands while it looks, and what was decided. */
  readonly onLooked?: (looked: Looked) => void;
  readonly onDecided?: (kind: "found" | "join") => void;
}

/** Looks for a cluster on the local network, and waits until somebody there lets this machine in. */
export const look: RunCommand = (invocation) => {
  const { flags } = invocation;
  return lookForCluster(invocation, { role: flags.on("server") ? "server" : undefined, founds: flags.on("found") });
};

/** The same, as the firmware asks for it. Throws as `lares init` and `lares join` do. */
export async function lookForCluster(invocation: Invocation, looking: Looking): Promise<number> {
  const { role, founds, onLooked } = looking;
  const { flags, output } = invocation;
  const env = createEnv({ logLevel: "warn" });
  try {
    const { config } = nodeConfig(flags, { role: "server" });
    const folder = await openDataFolder(env.disk, config);
    const { nodeId } = await loadIdentity(env, folder.client);
    const nodeName = config.name === "" ? env.net.hostname() : config.name;
    const say = (line: string): void => (flags.on("json") ? output.error(line) : output.line(line));
    const found = await findCluster({ env, sockets: systemLinkSockets, nodeId, nodeName, role, founds, say, onLooked });
    looking.onDecided?.(found.kind);
    if (found.kind === "found") {
      try {
        const code = await foundCluster({ ...invocation, operands: [] }, { invites: looking.invites ?? true });
        if (code === 0) await looking.heraldedUntil?.();
        return code;
      } finally {
        // Its agent speaks for it next, and says the same.
        await found.herald.stop({ quietly: true });
      }
    }
    const joining = { ...invocation, operands: [found.at, found.token], flags: withRole(flags, found.role) };
    return await joinCluster(joining);
  } finally {
    env.close();
  }
}

function withRole(flags: FlagValues, role: MemberRole): FlagValues {
  return {
    on: (name) => (name === "server" ? role === "server" : flags.on(name)),
    value: (name) => flags.value(name),
    values: (name) => flags.values(name),
  };
}
