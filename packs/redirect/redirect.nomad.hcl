# Short addresses that lead elsewhere, kept in the cluster: lares kv put redirects/wiki https://wiki.example.com/
#
#   lares image build redirect.image.hcl -load
#   lares job run -var host=go.example.com redirect.nomad.hcl
#
# http://go.example.com/wiki leads to that address then, and /wiki/x?y to what is below it; a change counts at once.

variable "host" {
  type    = string
  default = "go.localhost"
}

variable "count" {
  type    = number
  default = 1
}

# Below which key they are.
variable "keys" {
  type    = string
  default = "redirects"
}

# 301: browsers remember it; 302 and 307: they ask again.
variable "code" {
  type    = number
  default = 302
}

job "redirect" {
  group "redirect" {
    count = var.count

    network {
      port "http" {}
    }

    task "redirect" {
      driver = "docker"

      config {
        image        = "lares-redirect:1"
        network_mode = "host"
      }

      # Only names and addresses of plain characters are taken over: nothing else can be said to the server by a key.
      template {
        destination   = "local/redirect.conf"
        change_mode   = "signal"
        change_signal = "SIGUSR1"
        data = <<-EOT
          server.document-root = "/srv"
          server.port = {{ env "NOMAD_PORT_http" }}
          server.modules = ("mod_redirect", "mod_access")
          server.upload-dirs = ("/tmp")
          server.username = "www-data"
          server.groupname = "www-data"
          url.redirect-code = ${var.code}
          url.redirect = (
          {{- range ls "${var.keys}" }}
          {{- if and (regexMatch "^[A-Za-z0-9_-]+$" .Key) (regexMatch "^https?://[A-Za-z0-9._~:/?&=#@!,;+-]+$" .Value) }}
            "^/{{ .Key }}$" => "{{ .Value }}",
            "^/{{ .Key }}/(.*)$" => "{{ .Value | trimSuffix "/" }}/$1",
          {{- end }}
          {{- end }}
          )
        EOT
      }

      resources {
        cpu    = 50
        memory = 32
      }

      service {
        name = "redirect"
        port = "http"
        tags = ["lares.host=${var.host}"]

        check {
          type     = "tcp"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }
  }
}
