# What serves the web for the cluster, and holds an address that moves. The agent's tasks start both; alone they do nothing.
role "ingress" {
  packages = ["haproxy", "keepalived"]
  # Linked into keepalived for SNMP, which it never speaks here: their libraries stay, what those would read does not.
  without = ["libgdbm6t64", "libgdbm-compat4t64", "libsensors-config", "libsnmp-base", "lsb-base", "pci.ids", "perl-modules-5.40", "sysvinit-utils"]

  mask   = ["haproxy.service", "keepalived.service"]
  remove = concat([
    "/etc/default/haproxy", "/etc/default/keepalived", "/etc/haproxy", "/usr/sbin/halog", "/usr/share/vim", "/usr/share/snmp",
    ], [for each in [
      "perl",
      # Of what comes with those libraries, neither program is linked to these.
      "libsnmp.so.40", "libsnmp.so.40.2.1", "liblua5.4-c++.so.0", "liblua5.4-c++.so.0.0.0",
      "libopentracing_mocktracer.so.1", "libopentracing_mocktracer.so.1.6.0",
    ] : "/usr/lib/${architecture == "arm64" ? "aarch64" : "x86_64"}-linux-gnu/${each}"],
  )
}
