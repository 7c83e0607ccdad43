layer "prometheus" {
  packages = ["prometheus"]
  # Named by Debian's dependencies for its init scripts, and for the classic page that it does not need.
  without = ["adduser", "debconf", "init-system-helpers", "lsb-base", "sysvinit-utils"]

  user "prometheus" {
    uid  = 998
    home = "/data"
  }
  directory "/data" {
    uid = 998
    gid = 998
  }

  remove = ["/etc/init.d", "/etc/logrotate.d", "/usr/lib/systemd", "/lib/systemd", "/usr/share/doc", "/usr/share/man", "/usr/share/lintian"]
}
