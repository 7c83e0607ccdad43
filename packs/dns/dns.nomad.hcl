# The household's DNS server: local names, ad blocking, cache, forwarding. Every instance shares its settings with the
# others through the cluster; the ones below are what it begins with.
variable "count" {
  type        = number
  default     = 1
  description = "Instances, each on a node of its own; hand the clients all their addresses"
}

variable "port" {
  type    = number
  default = 53
}

variable "api_port" {
  type        = number
  default     = 8053
  description = "Of the HTTP API, in the form of Pi-hole's"
}

variable "upstreams" {
  type    = list(string)
  default = ["9.9.9.9", "149.112.112.112"]
}

variable "validate" {
  type        = bool
  default     = false
  description = "DNSSEC: resolves and validates by itself, with Debian's unbound (packages unbound, dns-root-data) as a task beside it; upstreams are not asked then"
}

variable "validator_port" {
  type        = number
  default     = 5335
  description = "Of unbound, on the node's loopback"
}

variable "lists" {
  type        = list(string)
  default     = ["sample:ads", "sample:trackers"]
  description = "Addresses of block lists; the samples are small and come with the program"
}

job "dns" {
  type = "service"

  group "dns" {
    count = var.count

    constraint {
      operator = "distinct_hosts"
      value    = "true"
    }

    network {
      port "dns" { static = var.port }
      port "api" { static = var.api_port }
    }

    ephemeral_disk {
      sticky  = true
      migrate = false
    }

    dynamic "task" {
      for_each = var.validate ? ["unbound"] : []
      labels   = [task.value]

      content {
        driver = "exec"

        lifecycle {
          hook    = "prestart"
          sidecar = true
        }

        config {
          command = "/usr/sbin/unbound"
          args    = ["-d", "-c", "local/unbound.conf"]
        }

        template {
          destination = "local/unbound.conf"
          data = <<-EOT
            server:
              interface: 127.0.0.1
              port: ${var.validator_port}
              do-daemonize: no
              use-syslog: no
              chroot: ""
              username: ""
              pidfile: ""
              num-threads: 1
              module-config: "validator iterator"
              trust-anchor-file: "/usr/share/dns/root.key"
              root-hints: "/usr/share/dns/root.hints"
              ede: yes
              harden-below-nxdomain: yes
              qname-minimisation: yes
              # The server in front of it caches.
              msg-cache-size: 4m
              rrset-cache-size: 8m
              prefetch: no
            remote-control:
              control-enable: no
          EOT
        }

        resources {
          cpu    = 200
          memory = 96
        }
      }
    }

    task "dns" {
      driver = "lares"

      config {
        role = "dns"
      }

      template {
        destination = "local/dns.hcl"
        change_mode = "noop"
        data = <<-EOT
          listen { addresses = ["0.0.0.0:${var.port}", "[::]:${var.port}"] }
          upstream {
            servers = ${jsonencode(var.validate ? ["127.0.0.1:${var.validator_port}"] : var.upstreams)}
            dnssec  = "${var.validate ? "validate" : "pass"}"
          }
          lists = ${jsonencode([for n, url in var.lists : { id = n + 1, url = url }])}
        EOT
      }

      resources {
        cpu    = 300
        memory = 160
      }

      service {
        name = "lares-dns-api"
        port = "api"
      }

      service {
        name = "lares-dns"
        port = "dns"

        check {
          type     = "tcp"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }
  }
}
