# WordPress and its database, all of its data on a volume of the node, served by the ingress at a host name.
#
#   lares image build wordpress.image.hcl -load
#   lares volume create wordpress.volume.hcl
#   lares job run -var host=blog.example.com wordpress.nomad.hcl

variable "host" {
  type    = string
  default = "blog.localhost"
}

# acme, internal, or nothing: who signs its certificate (lares.certificate).
variable "certificate" {
  type    = string
  default = ""
}

job "wordpress" {
  group "wordpress" {
    network {
      port "http" {}
    }

    volume "data" {
      type   = "host"
      source = "wordpress"
    }

    # Its socket is the site's way to it; nobody else reaches it.
    task "database" {
      driver = "docker"

      lifecycle {
        hook    = "prestart"
        sidecar = true
      }

      config {
        image      = "lares-wordpress:1"
        entrypoint = ["/usr/local/bin/database"]
        args       = ["wordpress"]
      }

      # Tables are written to the disk before it ends.
      kill_timeout = "30s"

      volume_mount {
        volume      = "data"
        destination = "/data"
      }

      resources {
        cpu    = 200
        memory = 384
      }
    }

    task "site" {
      driver = "docker"

      config {
        image        = "lares-wordpress:1"
        network_mode = "host"
      }

      env {
        LISTEN_PORT = NOMAD_PORT_http
      }

      volume_mount {
        volume      = "data"
        destination = "/data"
      }

      resources {
        cpu    = 300
        memory = 256
      }

      service {
        name = "wordpress"
        port = "http"
        tags = concat(["lares.host=${var.host}"], var.certificate == "" ? [] : ["lares.certificate=${var.certificate}", "lares.to-https=true"])

        check {
          type     = "http"
          path     = "/wp-includes/images/blank.gif"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }
  }
}
