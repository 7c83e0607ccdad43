# A small web server, for pages that programs make.
layer "lighttpd" {
  packages = ["lighttpd"]
  # Named by Debian's dependencies for its init scripts and its daily jobs.
  without = [
    "adduser", "debconf", "init-system-helpers", "lsb-base", "sysvinit-utils", "mailcap", "media-types", "perl", "perl-base",
    "lighttpd-mod-deflate", "lighttpd-mod-openssl",
  ]

  user "www-data" {
    uid  = 33
    home = "/srv"
  }
  directory "/srv" {}

  remove = [
    "/etc/init.d", "/etc/logrotate.d", "/etc/cron.daily", "/usr/lib/systemd", "/lib/systemd", "/usr/share/doc", "/usr/share/man",
    "/usr/share/lintian", "/var/www",
  ]
}
