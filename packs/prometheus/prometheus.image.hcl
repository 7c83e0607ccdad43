image "prometheus" {
  tags   = ["lares-prometheus:1"]
  layers = ["debian-base", "prometheus"]

  config {
    entrypoint = ["/usr/bin/prometheus"]
    cmd        = ["--config.file=/local/prometheus.yml", "--storage.tsdb.path=/data"]
    user       = "prometheus"
    volumes    = ["/data"]
    labels = {
      "org.opencontainers.image.title" = "Prometheus from Debian"
    }
  }
}
