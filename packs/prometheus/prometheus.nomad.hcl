# Prometheus: metrics of every node (scheduler and jobs, discovery), of DNS and ingress, and of every service that says
# where it has some, found through the catalog. Its page is under /prometheus of the ingress.
#
#   lares image build prometheus.image.hcl -load
#   lares volume create prometheus.volume.hcl
#   lares job run prometheus.nomad.hcl
#
# Agents give theirs in Prometheus' format with telemetry { prometheus_metrics = true } in their configuration.

variable "interval" {
  type    = string
  default = "15s"
}

variable "retention" {
  type    = string
  default = "30d"
}

# Ports of the agents' two APIs, the same on every node.
variable "http_port" {
  type    = number
  default = 4646
}

variable "consul_port" {
  type    = number
  default = 8500
}

# Where access is controlled: a token that may read nodes, agents and services.
variable "token" {
  type    = string
  default = ""
}

locals {
  authorization = var.token == "" ? "" : "    authorization: { credentials: ${var.token} }\n"
}

job "prometheus" {
  group "prometheus" {
    network {
      port "http" {}
    }

    volume "data" {
      type   = "host"
      source = "prometheus"
    }

    task "prometheus" {
      driver = "docker"

      config {
        image        = "lares-prometheus:1"
        network_mode = "host"
        args = [
          "--config.file=/local/prometheus.yml",
          "--storage.tsdb.path=/data",
          "--storage.tsdb.retention.time=${var.retention}",
          "--web.listen-address=0.0.0.0:${NOMAD_PORT_http}",
          "--web.external-url=/prometheus",
        ]
      }

      volume_mount {
        volume      = "data"
        destination = "/data"
      }

      template {
        destination   = "local/prometheus.yml"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        data = <<-EOT
          global:
            scrape_interval: ${var.interval}
            scrape_timeout: ${var.interval}

          scrape_configs:
            # Jobs, allocations, tasks and the node itself, by each agent.
            - job_name: scheduler
              metrics_path: /v1/metrics
              params: { format: [prometheus] }
          ${local.authorization}
              static_configs:
          {{- range nodes }}
                - targets: ["{{ .Address }}:${var.http_port}"]
                  labels: { node: "{{ .Node }}" }
          {{- end }}

            - job_name: discovery
              metrics_path: /v1/agent/metrics
              params: { format: [prometheus] }
          ${local.authorization}
              static_configs:
          {{- range nodes }}
                - targets: ["{{ .Address }}:${var.consul_port}"]
                  labels: { node: "{{ .Node }}" }
          {{- end }}

            - job_name: services
              file_sd_configs:
                - files: [/local/services.yml]
        EOT
      }

      # Services with the tag "metrics" (the meta key metrics_path names another path than /metrics), and our own DNS
      # servers and ingresses. Debian's Prometheus cannot ask a catalog itself; it follows the file.
      template {
        destination = "local/services.yml"
        change_mode = "noop"
        data = <<-EOT
          {{- range services }}
          {{- if or (in .Tags "metrics") (eq .Name "lares-dns-api") (eq .Name "lares-ingress-admin") }}
          {{- range service (print .Name "|any") }}
          - targets: ["{{ .Address }}:{{ .Port }}"]
            labels:
              service: "{{ .Name }}"
              node: "{{ .Node }}"
              __metrics_path__: "{{ with index .ServiceMeta "metrics_path" }}{{ . }}{{ else }}/metrics{{ end }}"
          {{- end }}
          {{- end }}
          {{- end }}
        EOT
      }

      resources {
        cpu    = 200
        memory = 256
      }

      service {
        name = "prometheus"
        port = "http"
        tags = ["urlprefix-/prometheus"]

        check {
          type     = "http"
          path     = "/prometheus/-/ready"
          interval = "10s"
          timeout  = "5s"
        }
      }
    }
  }
}
