# Addresses by DHCP from the first moment, and for as long as it takes; the time.
role "network" {
  packages = ["ca-certificates", "chrony", "dhcpcd-base", "dropbear-bin", "iproute2", "nftables"]

  user "dhcpcd" {
    uid  = 111
    home = "/usr/lib/dhcpcd"
  }
  user "_chrony" {
    uid  = 112
    home = "/var/lib/chrony"
  }
  file "/etc/dhcpcd.conf" {
    source = "../files/dhcpcd.conf"
  }
  file "/usr/lib/lares/links" {
    source = "../files/links.sh"
    mode   = "0755"
  }
  file "/usr/lib/lares/await-network" {
    source = "../files/await-network.sh"
  }
  file "/usr/lib/systemd/system/lares-network.service" {
    source = "../files/lares-network.service"
  }
  file "/usr/lib/dhcpcd/dhcpcd-hooks/60-lares" {
    source = "../files/dhcpcd-hook.sh"
  }
  file "/etc/chrony/chrony.conf" {
    source = "../files/chrony.conf"
  }
  file "/usr/lib/systemd/system/lares-time.service" {
    source = "../files/lares-time.service"
  }
  file "/usr/lib/systemd/system/lares-ssh.service" {
    source = "../files/lares-ssh.service"
  }
  link "/etc/resolv.conf" {
    target = "/run/resolv.conf"
  }
  enable = ["lares-network.service", "lares-time.service", "lares-ssh.service"]
  mask   = ["chrony.service", "dhcpcd.service", "dhcpcd@.service"]
  remove = ["/etc/resolvconf", "/usr/share/chrony"]
}
