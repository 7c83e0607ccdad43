layer "redis" {
  packages = ["redis-server"]
  # Named by Debian's dependencies for its init scripts only.
  without = ["adduser", "debconf", "init-system-helpers", "lsb-base", "sysvinit-utils"]

  user "redis" {
    uid  = 999
    home = "/data"
  }
  directory "/data" {
    uid = 999
    gid = 999
  }

  remove = ["/etc/init.d", "/etc/logrotate.d", "/usr/lib/systemd", "/usr/share/doc", "/usr/share/man", "/usr/share/lintian"]
}
