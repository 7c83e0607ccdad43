# The household's DHCP server. Instances share their leases through the cluster; any one may die. What stands below is what
# they begin with; the key lares/dhcp/settings/config, where there is one, counts instead.
variable "count" {
  type        = number
  default     = 2
  description = "Instances, each on a node of its own"
}

variable "interface" {
  type        = string
  default     = "eth0"
  description = "The LAN's interface on the nodes"
}

variable "network" {
  type        = string
  default     = "192.168.1.0/24"
  description = "The LAN's network"
}

variable "pool" {
  type        = string
  default     = "192.168.1.100-192.168.1.199"
  description = "Addresses to give away"
}

variable "router" {
  type        = string
  default     = "192.168.1.1"
  description = "The address clients send everything else to"
}

variable "dns" {
  type        = list(string)
  default     = ["192.168.1.1"]
  description = "Addresses of the DNS servers"
}

variable "domain" {
  type    = string
  default = "lan"
}

variable "lease_time" {
  type    = string
  default = "12h"
}

variable "subnets6" {
  type        = list(any)
  default     = []
  description = "DHCPv6: networks as docs/dhcp.md has them; none by itself"
}

job "dhcp" {
  type = "service"

  group "dhcp" {
    count = var.count

    constraint {
      operator = "distinct_hosts"
      value    = "true"
    }

    network {
      port "metrics" {}
    }

    ephemeral_disk {
      sticky  = true
      migrate = false
    }

    task "dhcp" {
      driver = "lares"

      config {
        role = "dhcp"
      }

      template {
        destination = "local/dhcp.json"
        change_mode = "restart"
        data = <<-EOT
          ${jsonencode({
            domain    = var.domain
            leaseTime = var.lease_time
            options   = { "router" = var.router, "dns-servers" = var.dns }
            subnets   = [{ network = var.network, interface = var.interface, pools = [var.pool] }]
            subnets6  = var.subnets6
          })}
        EOT
      }

      resources {
        cpu    = 200
        memory = 96
      }

      service {
        name = "lares-dhcp"
        port = "metrics"

        check {
          type     = "http"
          path     = "/metrics"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }
  }
}
