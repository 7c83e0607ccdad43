# WordPress and its database as Debian has them, with PHP as programs that lighttpd starts. One layer: apt resolves no further where a lower one
# does without what its packages name.
layer "wordpress" {
  packages = [
    "wordpress", "wordpress-theme-twentytwentythree", "php-cgi", "php-mysql", "php-gd", "php-xml", "php-curl", "lighttpd",
    "mariadb-server-core", "mariadb-client-core", "tzdata",
  ]
  # Named by Debian's dependencies for its own server, its mails and its package scripts.
  without = [
    "adduser", "apache2", "apache2-bin", "debconf", "default-mta", "exim4-base", "exim4-config", "exim4-daemon-light",
    "init-system-helpers", "lsb-base", "sysvinit-utils", "ucf", "sensible-utils", "libapache2-mod-php", "php", "php-fpm", "default-mysql-client",
    "mariadb-client", "mysql-client", "virtual-mysql-client", "psmisc", "perl", "perl-base", "cron", "systemd", "dbus",
    "mailcap", "media-types", "lighttpd-mod-deflate", "lighttpd-mod-openssl",
  ]

  user "www-data" {
    uid  = 33
    home = "/srv"
  }
  user "mysql" {
    uid  = 999
    home = "/data"
  }
  directory "/data" {}

  # A database of its own the first time, then the server; who asks over its socket is in the same allocation.
  file "/usr/local/bin/database" {
    mode = "0755"
    content = <<-EOT
      #!/bin/sh
      set -eu
      name=$1
      # A new volume is root's alone.
      chmod 0711 /data
      mkdir -p /data/db
      chown mysql:mysql /data/db
      if [ ! -d /data/db/mysql ]; then
        rm -rf /data/db.new
        mkdir /data/db.new
        mariadb-install-db --no-defaults --user=mysql --datadir=/data/db.new --basedir=/usr --auth-root-authentication-method=socket --skip-test-db > /alloc/install.log 2>&1
        rmdir /data/db
        mv /data/db.new /data/db
      fi
      if [ ! -f /data/password ]; then
        (umask 077; head -c 24 /dev/urandom | base64 | tr '+/' 'xy' > /data/password.new)
        chown root:www-data /data/password.new
        chmod 0640 /data/password.new
        mv /data/password.new /data/password
      fi
      password=$(cat /data/password)
      umask 077
      cat > /data/init.sql <<END
      CREATE DATABASE IF NOT EXISTS $name CHARACTER SET utf8mb4;
      CREATE USER IF NOT EXISTS '$name'@'localhost' IDENTIFIED BY '$password';
      ALTER USER '$name'@'localhost' IDENTIFIED BY '$password';
      GRANT ALL ON $name.* TO '$name'@'localhost';
      END
      chown mysql /data/init.sql
      mkdir -p /alloc/db
      chown mysql /alloc/db
      chmod 0755 /alloc/db
      exec mariadbd --no-defaults --user=mysql --datadir=/data/db --skip-networking --socket=/alloc/db/socket --init-file=/data/init.sql
    EOT
  }

  file "/etc/lighttpd/wordpress.conf" {
    content = <<-EOT
      server.document-root = "/usr/share/wordpress"
      server.port = env.LISTEN_PORT
      server.modules = ("mod_access", "mod_alias", "mod_rewrite", "mod_fastcgi")
      server.username = "www-data"
      server.groupname = "www-data"
      server.upload-dirs = ("/tmp")
      index-file.names = ("index.php", "index.html")
      alias.url = ("/wp-content/" => "/data/wp-content/")
      url.access-deny = ("wp-config.php", ".inc", "~")
      url.rewrite-if-not-file = ("^/(?!wp-(content|includes|admin)/).*" => "/index.php")
      include "/etc/lighttpd/types.conf"
      $HTTP["url"] =~ "^/wp-content/uploads/.*\.php" { url.access-deny = ("") }
      fastcgi.server = (".php" => ((
        "bin-path" => "/usr/local/bin/php-program",
        "socket" => "/tmp/php.socket",
        "max-procs" => 1,
        "bin-environment" => ("PHP_FCGI_CHILDREN" => "4", "PHP_FCGI_MAX_REQUESTS" => "1000"),
        "broken-scriptfilename" => "enable"
      )))
    EOT
  }
  file "/etc/lighttpd/types.conf" {
    content = <<-EOT
      mimetype.assign = (
        ".css" => "text/css", ".js" => "text/javascript", ".html" => "text/html", ".txt" => "text/plain", ".xml" => "text/xml",
        ".json" => "application/json", ".svg" => "image/svg+xml", ".png" => "image/png", ".jpg" => "image/jpeg",
        ".jpeg" => "image/jpeg", ".gif" => "image/gif", ".webp" => "image/webp", ".ico" => "image/x-icon",
        ".woff" => "font/woff", ".woff2" => "font/woff2", ".pdf" => "application/pdf", ".mp4" => "video/mp4",
        "" => "application/octet-stream"
      )
    EOT
  }
  file "/usr/local/lib/wp-config.php" {
    content = <<-EOT
      <?php
      define('DB_NAME', 'wordpress');
      define('DB_USER', 'wordpress');
      define('DB_PASSWORD', trim(file_get_contents('/data/password')));
      define('DB_HOST', 'localhost:/alloc/db/socket');
      define('DB_CHARSET', 'utf8mb4');
      define('DB_COLLATE', '');
      require '/data/salts.php';
      $table_prefix = 'wp_';
      // The ingress says how it was asked; the address follows the host, so that a site can move.
      if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') $_SERVER['HTTPS'] = 'on';
      $origin = (($_SERVER['HTTPS'] ?? '') === 'on' ? 'https://' : 'http://') . ($_SERVER['HTTP_X_FORWARDED_HOST'] ?? $_SERVER['HTTP_HOST'] ?? 'localhost');
      define('WP_HOME', $origin);
      define('WP_SITEURL', $origin);
      define('WP_CONTENT_DIR', '/data/wp-content');
      define('WP_CONTENT_URL', $origin . '/wp-content');
      define('FS_METHOD', 'direct');
      define('DISALLOW_FILE_EDIT', true);
      if (!defined('ABSPATH')) define('ABSPATH', '/usr/share/wordpress/');
      require_once ABSPATH . 'wp-settings.php';
    EOT
  }
  link "/usr/share/wordpress/wp-config.php" { target = "/usr/local/lib/wp-config.php" }

  # Debian's package scripts name the program and switch its extensions on; here that is done when it starts.
  file "/usr/local/bin/php-program" {
    mode = "0755"
    content = <<-EOT
      #!/bin/sh
      set -eu
      rm -rf /tmp/php.d
      mkdir -p /tmp/php.d
      for ini in /usr/share/php*-*/*/*.ini; do
        priority=$(sed -n 's/^; *priority=//p' "$ini")
        cp "$ini" "/tmp/php.d/$${priority:-20}-$(basename "$ini")"
      done
      for program in /usr/bin/php-cgi[0-9]*; do
        PHP_INI_SCAN_DIR=/tmp/php.d exec "$program"
      done
    EOT
  }

  # What people add lies in the volume; what Debian has is put there once, and again when the package is newer.
  file "/usr/local/bin/site" {
    mode = "0755"
    content = <<-EOT
      #!/bin/sh
      set -eu
      if [ ! -f /data/salts.php ]; then
        (
          umask 077
          echo '<?php'
          for name in AUTH_KEY SECURE_AUTH_KEY LOGGED_IN_KEY NONCE_KEY AUTH_SALT SECURE_AUTH_SALT LOGGED_IN_SALT NONCE_SALT; do
            echo "define('$name', '$(head -c 48 /dev/urandom | base64 -w 0)');"
          done
        ) > /data/salts.new
        chown root:www-data /data/salts.new
        chmod 0640 /data/salts.new
        mv /data/salts.new /data/salts.php
      fi
      mkdir -p /data/wp-content/uploads
      cp -RLu /usr/share/wordpress/wp-content/. /data/wp-content/ 2> /dev/null || cp -RL /usr/share/wordpress/wp-content/. /data/wp-content/
      chown -R www-data:www-data /data/wp-content
      while [ ! -S /alloc/db/socket ] || [ ! -f /data/password ]; do sleep 0.2; done
      exec lighttpd -D -f /etc/lighttpd/wordpress.conf
    EOT
  }

  remove = [
    "/etc/apache2", "/etc/init.d", "/etc/logrotate.d", "/etc/cron.d", "/usr/lib/systemd", "/lib/systemd", "/usr/share/doc", "/usr/share/man",
    "/usr/share/lintian",
  ]
}
