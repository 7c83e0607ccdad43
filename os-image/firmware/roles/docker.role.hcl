# Containers by Docker's engine. It starts with the first connection to its socket.
role "docker" {
  packages = ["docker.io", "containernetworking-plugins", "iptables"]
  without  = ["tini", "containerd-dev", "procps", "libproc2-0", "sysvinit-utils"]
  file "/etc/docker/daemon.json" {
    content = "{\"data-root\": \"/var/lib/docker\", \"log-driver\": \"local\", \"live-restore\": true, \"storage-driver\": \"overlay2\", \"log-level\": \"warn\"}\n"
  }
  # For the engine alone: it has layers by overlayfs, and no kubelet asks.
  file "/etc/containerd/config.toml" {
    source = "../files/containerd.toml"
  }
  user "docker" {
    uid = 113
  }
  link "/usr/sbin/iptables" {
    target = "xtables-nft-multi"
  }
  link "/usr/sbin/ip6tables" {
    target = "xtables-nft-multi"
  }
  # Of containerd only what the engine starts; of the plugins not those for tables of routes of their own.
  remove = [
    "/usr/bin/ctr", "/usr/bin/containerd-shim", "/usr/bin/containerd-shim-runc-v1", "/usr/share/docker.io", "/usr/src",
    "/usr/lib/cni/sbr", "/usr/lib/cni/vrf",
  ]
  enable  = ["docker.socket"]
  modules = ["kernel/net/bridge", "kernel/net/netfilter", "kernel/drivers/net/veth.ko"]
}
