image "wordpress" {
  tags   = ["lares-wordpress:1"]
  layers = ["debian-base", "wordpress"]

  config {
    entrypoint = ["/usr/local/bin/site"]
    volumes    = ["/data"]
    labels = {
      "org.opencontainers.image.title" = "WordPress and MariaDB from Debian"
    }
  }
}
