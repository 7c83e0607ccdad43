# What serves the web for the cluster, and holds an address that moves. The agent's tasks start both; alone they do nothing.
role "ingress" {
  packages = ["haproxy", "keepalived"]
  # Linked into keepalived for SNMP, which it never speaks here: their libraries stay, what those would read does not.
  without = ["libgdbm6t64", "libgdbm-compat4t64", "libsensors-config", "libsnmp-base", "lsb-base", "pci.ids", "perl-modules-5.40", "sysvinit-utils"]

  mask   = ["haproxy.service", "keepalived.service"]
  remove = [
    "/etc/default/haproxy", "/etc/default/keepalived", "/etc/haproxy", "/usr/bin/halog", "/usr/share/vim",
    "/usr/lib/x86_64-linux-gnu/perl", "/usr/lib/aarch64-linux-gnu/perl",
  ]
}
