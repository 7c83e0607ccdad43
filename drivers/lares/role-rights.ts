/** Capabilities (capabilities(7), without `cap_`) a role keeps; every other one is gone for good, for its children too. */
export const ROLE_CAPABILITIES: Readonly<Record<string, readonly string[]>> = {
  /** Ports below 1024; frames to clients that have no address yet, and one interface at a time. */
  dhcp: ["net_bind_service", "net_raw"],
  /** Ports below 1024. */
  dns: ["net_bind_service"],
  /** Ports below 1024. */
  ingress: ["net_bind_service"],
  /** Interfaces, routes, the firewall and the clock; and what Debian's programs for lines give up themselves. */
  router: [
    "net_admin",
    "net_bind_service",
    "net_raw",
    "sys_time",
    "setuid",
    "setgid",
    "sys_chroot",
    "kill",
    "chown",
    "dac_override",
  ],
  /** Addresses of interfaces; VRRP and gratuitous ARP; keepalived's place in the queue for the processor. */
  vip: ["net_admin", "net_broadcast", "net_raw", "sys_nice"],
};

/** Roles that stay root, with no other rights than these: pppd, dhcpcd, radvd and keepalived take nobody else. */
export const ROOT_ROLES: ReadonlySet<string> = new Set(["router", "vip"]);

export interface RoleUser {
  readonly uid: number;
  /** False: the agent's own user, still without its capabilities. */
  readonly own: boolean;
  /** Groups it belongs to besides its own: those of its devices' files. */
  readonly groups: readonly number[];
}

/** What stands before the role's command; empty where the agent is not root and has nothing to give away. */
export function dropRights(role: string, user: RoleUser): readonly string[] {
  const kept = (ROLE_CAPABILITIES[role] ?? []).map((name) => `+${name}`);
  const caps = ["-all", ...kept].join(",");
  return [
    "setpriv",
    ...(user.own ? [`--reuid=${user.uid}`, `--regid=${user.uid}`, groupsOf(user)] : []),
    `--inh-caps=${caps}`,
    `--ambient-caps=${caps}`,
    `--bounding-set=${caps}`,
    "--no-new-privs",
    "--",
  ];
}

function groupsOf({ groups }: RoleUser): string {
  return groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`;
}
