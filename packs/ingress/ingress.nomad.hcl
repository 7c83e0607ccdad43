# HAProxy, configured from the catalog: services whose tags ask for it (urlprefix-host/path) are reachable here.
variable "port" {
  type    = number
  default = 8080
}

job "ingress" {
  type = "system"

  group "ingress" {
    network {
      port "http" { static = var.port }
    }

    task "haproxy" {
      driver = "lares"

      config {
        role = "ingress"
      }

      resources {
        cpu    = 200
        memory = 128
      }

      service {
        name = "ingress"
        port = "http"

        check {
          type     = "tcp"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }
  }
}
