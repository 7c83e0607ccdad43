# What every image of ours starts from: the C library and one small program that is a whole userland.
layer "debian-base" {
  packages = ["libc6", "busybox-static"]

  directory "/dev" {}
  directory "/proc" {}
  directory "/sys" {}
  directory "/root" { mode = "0700" }
  directory "/run" {}
  directory "/tmp" { mode = "1777" }

  file "/etc/passwd" {
    content = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
  }
  file "/etc/group" {
    content = "root:x:0:\nnogroup:x:65534:\n"
  }
  file "/etc/nsswitch.conf" {
    content = "passwd: files\ngroup: files\nhosts: files dns\n"
  }

  run    = [["/usr/bin/busybox", "--install", "-s"]]
  remove = ["/linuxrc", "/usr/share/doc", "/usr/share/man", "/usr/share/lintian"]
}
