/** Kinds of interfaces and queues, with the module each is in. */
const MODULES: Readonly<Record<string, string>> = {
  vlan: "VLANs (8021q)",
  bridge: "bridges (bridge)",
  wireguard: "WireGuard (wireguard)",
  ifb: "queues for what arrives (ifb)",
  cake: "CAKE (sch_cake)",
  ingress: "queues for what arrives (sch_ingress)",
  matchall: "the filter matchall (cls_matchall)",
  mirred: "redirection between queues (act_mirred)",
};
/** How ip(8) and tc(8) say so. */
const UNKNOWN =
  /unknown device type|operation not supported|qdisc kind is unknown|no such file or directory|not found/i;

/** What the kernel lacks for this step; undefined: it failed for another reason. */
export function missingFeature(argv: readonly string[], stderr: string): string | undefined {
  if (!UNKNOWN.test(stderr)) return undefined;
  const [program, what, act] = argv;
  const named =
    program === "ip" && what === "link" && act === "add"
      ? argv[argv.lastIndexOf("type") + 1]
      : program === "tc"
        ? argv.findLast((word) => word in MODULES)
        : undefined;
  const feature = named === undefined ? undefined : MODULES[named];
  return feature === undefined ? undefined : `this machine's kernel has no ${feature}`;
}
