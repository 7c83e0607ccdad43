# The household's router, on the node whose metadata say router = "true". What it is to do is said from any node:
# lares router apply router.hcl
variable "state" {
  type    = string
  default = "/var/lib/lares/router"
}

job "router" {
  type = "system"

  constraint {
    attribute = "${meta.router}"
    value     = "true"
  }

  group "router" {
    task "router" {
      driver = "lares"

      config {
        role = "router"
      }

      env {
        LARES_ROUTER_STATE = var.state
      }

      resources {
        cpu    = 100
        memory = 96
      }

      service {
        name     = "lares-router"
        provider = "consul"
      }
    }
  }
}
