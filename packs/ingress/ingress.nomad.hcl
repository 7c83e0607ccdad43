# HAProxy, configured from the catalog: services whose tags ask for it (lares.host=…, urlprefix-…, traefik.…) are reachable here.
variable "port" {
  type    = number
  default = 8080
}

# 0: no HTTPS. Certificates are read from the keys below lares/ingress/certificates/.
variable "https_port" {
  type    = number
  default = 0
}

# Directory of an authority that speaks ACME, as https://acme-v02.api.letsencrypt.org/directory, which routes with
# lares.certificate=acme get their certificates from; none: nobody does.
variable "acme" {
  type    = string
  default = ""
}

variable "acme_email" {
  type    = string
  default = ""
}

# How names are proven to it: http-01 (at port 80), tls-alpn-01 (at port 443). Names with a star always by dns-01, through the pack dns.
variable "acme_challenge" {
  type    = string
  default = "http-01"

  validation {
    condition     = alltrue([for kind in split(",", var.acme_challenge) : contains(["http-01", "tls-alpn-01", "dns-01"], trimspace(kind))])
    error_message = "Names are proven by http-01, tls-alpn-01 or dns-01."
  }
}

# Metrics (/metrics), statistics (/stats) and health (/health); 0: a free port.
variable "admin_port" {
  type    = number
  default = 0
}

# Addresses that move between the nodes of the ingress, parted by commas, as in 192.168.1.50/24; none: no such addresses.
variable "addresses" {
  type    = string
  default = ""
}

# vrrp: keepalived among the nodes themselves. lock: a lock in the cluster's key-value store, without keepalived.
variable "addresses_mode" {
  type    = string
  default = "vrrp"

  validation {
    condition     = contains(["vrrp", "lock"], var.addresses_mode)
    error_message = "It is vrrp or lock."
  }
}

job "ingress" {
  type = "system"

  group "ingress" {
    network {
      port "http" { static = var.port }

      dynamic "port" {
        for_each = var.https_port == 0 ? [] : [var.https_port]
        labels   = ["https"]

        content {
          static = port.value
        }
      }

      port "admin" { static = var.admin_port }
    }

    task "haproxy" {
      driver = "lares"

      config {
        role = "ingress"
      }

      env {
        NOMAD_NODE_NAME              = "${node.unique.name}"
        LARES_INGRESS_ADDRESSES      = var.addresses
        LARES_INGRESS_ACME           = var.acme
        LARES_INGRESS_ACME_EMAIL     = var.acme_email
        LARES_INGRESS_ACME_CHALLENGE = var.acme_challenge
      }

      resources {
        cpu    = 200
        memory = 128
      }

      service {
        name = "lares-ingress"
        port = "http"

        check {
          type     = "tcp"
          interval = "10s"
          timeout  = "2s"
        }
      }

      service {
        name = "lares-ingress-admin"
        port = "admin"

        check {
          type     = "http"
          path     = "/health"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }

    dynamic "task" {
      for_each = var.addresses == "" ? [] : [var.addresses]
      labels   = ["vip"]

      content {
        driver = "lares"
        # Ends before HAProxy does: the addresses are another node's when this one stops answering.
        leader = true

        config {
          role = "vip"
        }

        env {
          NOMAD_NODE_NAME     = "${node.unique.name}"
          LARES_VIP_ADDRESSES = task.value
          LARES_VIP_MODE      = var.addresses_mode
        }

        resources {
          cpu    = 50
          memory = 64
        }

        service {
          name = "lares-vip"
          port = "admin"
        }
      }
    }
  }
}
