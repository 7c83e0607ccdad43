image "smokeping" {
  tags   = ["lares-smokeping:1"]
  layers = ["debian-base", "smokeping"]

  config {
    entrypoint = ["/usr/local/bin/name-gateway"]
    cmd        = ["/usr/sbin/smokeping", "--nodaemon", "--config=/local/smokeping.conf"]
    volumes    = ["/data"]
    labels = {
      "org.opencontainers.image.title" = "Smokeping from Debian"
    }
  }
}
