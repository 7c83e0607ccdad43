/** Capabilities (capabilities(7), without `cap_`) a role keeps; every other one is gone for good, for its children too. */
export const ROLE_CAPABILITIES: Readonly<Record<string, readonly string[]>> = {
  /** Ports below 1024. */
  ingress: ["net_bind_service"],
};

export interface RoleUser {
  readonly uid: number;
  /** False: the agent's own user, still without its capabilities. */
  readonly own: boolean;
}

/** What stands before the role's command; empty where the agent is not root and has nothing to give away. */
export function dropRights(role: string, user: RoleUser): readonly string[] {
  const kept = (ROLE_CAPABILITIES[role] ?? []).map((name) => `+${name}`);
  const caps = ["-all", ...kept].join(",");
  return [
    "setpriv",
    ...(user.own ? [`--reuid=${user.uid}`, `--regid=${user.uid}`, "--clear-groups"] : []),
    `--inh-caps=${caps}`,
    `--ambient-caps=${caps}`,
    `--bounding-set=${caps}`,
    "--no-new-privs",
    "--",
  ];
}
