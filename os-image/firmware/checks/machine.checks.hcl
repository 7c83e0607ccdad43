# What holds in every machine with this firmware: asked of the tree when it is built, of each start, and while it runs.
checks "machine" {
  file "/usr/bin/lares" {
    mode = "0755"
  }
  file "/sbin/init" {
    target = "/usr/lib/systemd/systemd"
  }
  file "/etc/rauc/keyring.pem" {
    contains = "BEGIN CERTIFICATE"
  }
  file "/etc/rauc/system.conf" {
    contains = "^compatible=lares-"
  }
  file "/etc/shadow" {
    exists = false
  }
  file "/usr/lib/os-release" {
    contains = "^ID=lares$"
  }
  package "systemd" {}
  package "rauc" {}
  package "etcd-server" {}
  package "haproxy" {}
  package "keepalived" {}
  package "apt" {
    installed = false
  }
  user "root" {
    uid = 0
  }
  user "messagebus" {
    uid = 110
  }
  service "lares.service" {
    enabled = true
    running = true
  }
  service "lares-network.service" {
    enabled = true
  }
  service "lares-late.timer" {
    enabled = true
  }
  service "etcd.service" {
    masked = true
  }
  service "haproxy.service" {
    masked = true
  }
  service "keepalived.service" {
    masked = true
  }
  service "systemd-logind.service" {
    masked = true
  }
  mount "/" {
    type    = "squashfs"
    options = ["ro"]
  }
  mount "/var" {
    options = ["rw"]
  }
  mount "/boot" {
    type = "vfat"
  }
  kernel "net.ipv4.ip_forward" {
    value = "1"
  }
  kernel "kernel.panic" {
    value = "10"
  }
}
