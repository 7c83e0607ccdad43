import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { AclSettings } from "#daemons/scheduler/server/acl/acl-context.ts";
import type { KeyringDeps } from "#daemons/scheduler/server/keyring/keyring.ts";
import type { DataFolder } from "./data-folder.ts";

/** How access is controlled, as the configuration says. */
export function aclSettings({ acl, server, region }: AgentConfig, folder: DataFolder): AclSettings {
  return {
    enabled: acl.enabled,
    tokenMinExpirationTtlMs: acl.tokenMinExpirationTtlMs,
    tokenMaxExpirationTtlMs: acl.tokenMaxExpirationTtlMs,
    resetFolder: folder.server,
    region,
    oidcIssuer: server.oidcIssuer,
    introduction: {
      enforcement: server.clientIntroduction.enforcement,
      defaultTtlMs: server.clientIntroduction.defaultIdentityTtlMs,
      maxTtlMs: server.clientIntroduction.maxIdentityTtlMs,
    },
  };
}

export function keyringSettings({ server }: AgentConfig): Pick<KeyringDeps, "ages" | "reviewMs"> {
  const ages = { rotateNs: server.rootKeyRotationThresholdMs * 1e6, keepNs: server.rootKeyGcThresholdMs * 1e6 };
  return { ages, reviewMs: server.rootKeyGcIntervalMs };
}
