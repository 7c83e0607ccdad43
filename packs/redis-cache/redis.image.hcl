# For machines that reach no registry: Redis as Debian packages it.
image "redis" {
  tags   = ["redis:latest"]
  layers = ["debian-base", "redis"]

  config {
    entrypoint = ["/usr/bin/redis-server"]
    # A container is its own boundary: clients come from other addresses than loopback.
    cmd     = ["--protected-mode", "no", "--dir", "/data"]
    user    = "redis"
    workdir = "/data"
    ports   = ["6379/tcp"]
    volumes = ["/data"]
    labels = {
      "org.opencontainers.image.title" = "Redis from Debian"
    }
  }
}
