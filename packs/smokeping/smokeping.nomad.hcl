# Smokeping: round trips to every node of the cluster and to the gateway, drawn over time, under /smokeping of the ingress.
#
#   lares image build smokeping.image.hcl -load
#   lares volume create smokeping.volume.hcl
#   lares job run smokeping.nomad.hcl
#
# Its probes send ICMP themselves, which the node has to allow: plugin "docker" { config { allow_caps = ["net_raw", …] } }

# Seconds between two rounds, and how many probes each sends. What was measured so far has to go when these change.
variable "step" {
  type    = number
  default = 60
}

variable "pings" {
  type    = number
  default = 20
}

# Further machines to probe, by name: -var 'targets={ "uplink" = "192.0.2.1" }'
variable "targets" {
  type    = map(string)
  default = {}
}

# How people reach the ingress.
variable "url" {
  type    = string
  default = "http://localhost:8080"
}

variable "owner" {
  type    = string
  default = "the network's keepers"
}

variable "contact" {
  type    = string
  default = "root@localhost"
}

locals {
  config = <<-EOT
    *** General ***
    owner    = ${var.owner}
    contact  = ${var.contact}
    cgiurl   = ${var.url}/smokeping/cgi-bin/smokeping.cgi
    linkstyle = relative
    imgurl   = ../cache
    imgcache = /data/cache
    datadir  = /data/rrd
    piddir   = /local
    smokemail = /etc/smokeping/smokemail
    tmail    = /etc/smokeping/tmail
    concurrentprobes = no

    *** Alerts ***
    to   = ${var.contact}
    from = smokeping@localhost

    *** Database ***
    step  = ${var.step}
    pings = ${var.pings}
    AVERAGE 0.5   1  28800
    AVERAGE 0.5  12   9600
    MIN     0.5  12   9600
    MAX     0.5  12   9600
    AVERAGE 0.5 144   2400
    MAX     0.5 144   2400
    MIN     0.5 144   2400

    *** Presentation ***
    template = /etc/smokeping/basepage.html
    charset  = utf-8
    htmltitle = yes
    graphborders = no
    + overview
    width  = 600
    height = 50
    range  = 10h
    + detail
    width  = 600
    height = 200
    unison_tolerance = 2
    "Last 3 Hours"    3h
    "Last 30 Hours"   30h
    "Last 10 Days"    10d
    "Last 360 Days"   360d

    *** Probes ***
    + FPing
    binary = /usr/bin/fping

    *** Targets ***
    probe = FPing
    menu  = Top
    title = Round trips
    remark = Every node of the cluster, the gateway, and what was asked for besides.

    + cluster
    menu  = Cluster
    title = Nodes of the cluster
    {{ range nodes }}
    ++ {{ .Node | regexReplaceAll "[^A-Za-z0-9_-]" "_" }}
    menu  = {{ .Node }}
    title = {{ .Node }} ({{ .Address }})
    host  = {{ .Address }}
    {{ end }}
    + network
    menu  = Network
    title = The gateway and beyond
    %{~for name, host in var.targets}

    ++ ${name}
    menu  = ${name}
    title = ${name} (${host})
    host  = ${host}
    %{~endfor}

    @include /local/gateway.conf
  EOT
}

job "smokeping" {
  group "smokeping" {
    network {
      port "http" {}
    }

    volume "data" {
      type   = "host"
      source = "smokeping"
    }

    task "probe" {
      driver = "docker"

      config {
        image = "lares-smokeping:1"
        # Measured from the machine itself, not from behind a bridge; echo requests take a right of their own.
        network_mode = "host"
        cap_add      = ["net_raw"]
      }

      volume_mount {
        volume      = "data"
        destination = "/data"
      }

      template {
        destination = "local/smokeping.conf"
        data        = local.config
      }

      resources {
        cpu    = 100
        memory = 96
      }
    }

    task "page" {
      driver = "docker"

      config {
        image        = "lares-smokeping:1"
        network_mode = "host"
        command      = "/usr/sbin/httpd"
        args         = ["-f", "-p", "${NOMAD_PORT_http}", "-h", "/www"]
      }

      volume_mount {
        volume      = "data"
        destination = "/data"
      }

      # Every request reads it anew.
      template {
        destination = "local/smokeping.conf"
        change_mode = "noop"
        data        = local.config
      }

      resources {
        cpu    = 100
        memory = 96
      }

      service {
        name = "smokeping"
        port = "http"
        tags = ["urlprefix-/smokeping strip=/smokeping"]

        check {
          type     = "http"
          path     = "/cgi-bin/smokeping.cgi"
          interval = "30s"
          timeout  = "10s"
        }
      }
    }
  }
}
