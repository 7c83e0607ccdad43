# The agent, and what it drives.
role "agent" {
  packages = ["bubblewrap", "curl", "etcd-server", "libarchive-tools", "libatomic1", "libgcc-s1", "libstdc++6", "runc"]

  file "/usr/lib/systemd/system/lares.service" {
    source = "../../../scripts/build/debian/lares.service"
  }
  file "/usr/lib/systemd/system/lares.service.d/firmware.conf" {
    source = "../files/lares-agent.conf"
  }
  file "/usr/lib/systemd/system/lares-first.service" {
    source = "../files/lares-first.service"
  }
  file "/usr/lib/systemd/system/lares-seed.service" {
    source = "../files/lares-seed.service"
  }
  file "/usr/lib/systemd/system/lares-confirm.service" {
    source = "../files/lares-confirm.service"
  }
  file "/usr/lib/lares/leave" {
    source = "../files/leave.sh"
    mode   = "0755"
  }
  file "/usr/lib/systemd/system/lares-leave.service" {
    source = "../files/lares-leave.service"
  }
  file "/usr/lib/systemd/system/lares-late.service" {
    source = "../files/lares-late.service"
  }
  file "/usr/lib/systemd/system/lares-late.timer" {
    source = "../files/lares-late.timer"
  }
  # A stick with an update, at any time.
  file "/usr/lib/systemd/system/lares-stick@.service" {
    source = "../files/lares-stick@.service"
  }
  file "/usr/lib/udev/rules.d/90-lares-stick.rules" {
    content = "ACTION==\"add\", SUBSYSTEM==\"block\", SUBSYSTEMS==\"usb\", ENV{ID_FS_USAGE}==\"filesystem\", TAG+=\"systemd\", ENV{SYSTEMD_WANTS}+=\"lares-stick@%k.service\"\n"
  }
  link "/etc/lares" {
    target = "/var/lib/lares-os/lares"
  }
  enable = ["lares.service", "lares-seed.service", "lares-first.service", "lares-confirm.service", "lares-late.timer"]
  mask   = ["etcd.service"]
  remove = ["/usr/bin/etcdutl", "/etc/default/etcd", "/usr/lib/systemd/system/etcd.service"]
}
