# Smokeping, its page served by the small web server of the base layer.
layer "smokeping" {
  packages = ["smokeping", "libsocket6-perl", "fonts-dejavu-core"]
  # Named by Debian's dependencies for its init scripts, its mails, and a page of Apache's.
  without = [
    "adduser", "apache2", "apache2-bin", "debconf", "default-mta", "exim4-base", "exim4-config", "exim4-daemon-light",
    "init-system-helpers", "lsb-base", "sysvinit-utils", "ucf", "sensible-utils",
  ]

  directory "/www" {}
  directory "/www/cgi-bin" {}
  directory "/data" {}

  # The machine's own way out is a target that no catalog knows.
  file "/usr/local/bin/name-gateway" {
    mode = "0755"
    content = <<-EOT
      #!/bin/sh
      set -eu
      gateway=$(ip -4 route show default | sed -n 's/^default via \([0-9.]*\).*/\1/p' | head -n 1)
      if [ -n "$gateway" ]; then
        printf '++ gateway\nmenu = Gateway\ntitle = Gateway %s\nhost = %s\n' "$gateway" "$gateway" > /local/gateway.conf
      else
        : > /local/gateway.conf
      fi
      mkdir -p /data/rrd /data/cache
      exec "$@"
    EOT
  }
  file "/www/cgi-bin/smokeping.cgi" {
    mode    = "0755"
    content = "#!/bin/sh\nexec /usr/share/smokeping/smokeping.cgi /local/smokeping.conf\n"
  }
  file "/www/index.html" {
    content = "<!doctype html><meta http-equiv=refresh content='0; url=cgi-bin/smokeping.cgi'><title>Smokeping</title>\n"
  }
  link "/www/js" { target = "/usr/share/smokeping/www/js" }
  link "/www/css" { target = "/usr/share/smokeping/www/css" }
  # Graphs are files of the volume, so that the page finds them whoever drew them.
  link "/www/cache" { target = "/data/cache" }

  remove = [
    "/etc/apache2", "/etc/init.d", "/etc/logrotate.d", "/usr/lib/systemd", "/lib/systemd", "/usr/share/doc",
    "/usr/share/man", "/usr/share/lintian", "/usr/share/locale",
  ]
}
