# A service job: how its groups are placed, updated, moved, and found.
job "shop" {
  id          = "shop-1"
  name        = "the-shop"
  region      = "global"
  namespace   = "trade"
  type        = "service"
  priority    = 70
  all_at_once = true
  datacenters = ["dc1", "eu-*"]
  node_pool   = "front"

  meta {
    team = "web"
  }

  ui {
    description = "The *shop*"
    link {
      label = "Handbook"
      url   = "https://example.org/shop"
    }
  }

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }
  constraint {
    attribute = "${attr.cpu.numcores}"
    operator  = ">="
    value     = 2
  }
  constraint {
    attribute = "${attr.os.version}"
    version   = ">= 12"
  }
  constraint {
    attribute = "${attr.driver.docker.version}"
    semver    = ">= 20.0.0"
  }
  constraint {
    attribute = "${node.unique.name}"
    regexp    = "^web"
  }
  constraint {
    attribute    = "${meta.features}"
    set_contains = "ssd"
  }
  constraint {
    attribute        = "${meta.features}"
    set_contains_any = "ssd,nvme"
  }
  constraint {
    attribute        = "${meta.features}"
    set_contains_all = "ssd,raid"
  }
  constraint {
    distinct_hosts = true
  }
  constraint {
    distinct_property = "${meta.rack}"
    value             = 3
  }

  affinity {
    attribute = "${node.datacenter}"
    value     = "dc1"
    weight    = 75
  }
  affinity {
    attribute = "${attr.os.version}"
    version   = "> 11"
  }
  affinity {
    attribute = "${attr.os.name}"
    semver    = ">= 1.0.0"
    operator  = "semver"
  }
  affinity {
    attribute = "${attr.os.name}"
    regexp    = "debian"
  }
  affinity {
    attribute    = "${meta.f}"
    set_contains = "a"
  }
  affinity {
    attribute        = "${meta.f}"
    set_contains_any = "a"
  }
  affinity {
    attribute        = "${meta.f}"
    set_contains_all = "a"
  }

  spread {
    attribute = "${node.datacenter}"
    weight    = 80
    target "dc1" {
      percent = 60
    }
    target {
      value   = "eu-1"
      percent = 40
    }
  }

  update {
    stagger           = "20s"
    max_parallel      = 2
    health_check      = "checks"
    min_healthy_time  = "5s"
    healthy_deadline  = "2m"
    progress_deadline = "5m"
    canary            = 1
    auto_revert       = true
    auto_promote      = true
  }
  migrate {
    max_parallel     = 2
    health_check     = "task_states"
    min_healthy_time = "9s"
    healthy_deadline = "4m"
  }
  reschedule {
    delay          = "10s"
    delay_function = "fibonacci"
    max_delay      = "2m"
    unlimited      = true
  }

  group "web" {
    count            = 3
    shutdown_delay   = "4s"
    max_run_duration = "720h"

    meta = {
      tier = "front"
    }

    consul {
      namespace = "ns"
      cluster   = "second"
      partition = "part"
    }
    constraint {
      attribute = "${attr.cpu.arch}"
      operator  = "!="
      value     = "arm"
    }
    affinity {
      attribute = "${meta.ssd}"
      value     = "yes"
    }
    spread {
      attribute = "${node.unique.id}"
    }
    restart {
      attempts         = 4
      interval         = "10m"
      delay            = "7s"
      mode             = "delay"
      render_templates = true
    }
    reschedule {
      attempts  = 5
      interval  = "2h"
      unlimited = false
    }
    update {
      canary = 0
      auto_promote = false
    }
    migrate {
      max_parallel = 1
    }
    disconnect {
      lost_after           = "6h"
      replace              = false
      reconcile            = "keep_original"
    }
    ephemeral_disk {
      sticky  = true
      migrate = true
      size    = 500
    }
    scaling {
      enabled = true
      min     = 2
      max     = 9
      type    = "horizontal"
      policy {
        cooldown = "1m"
        check "cpu" {
          source = "prometheus"
        }
      }
    }

    network {
      mode     = "bridge"
      hostname = "shop"
      device   = "eth0"
      cidr     = "10.0.0.0/8"
      mbits    = 10
      port "http" {
        to           = 8080
        host_network = "public"
      }
      port "admin" {
        static           = 9000
        to               = 9001
        ignore_collision = true
      }
      dns {
        servers  = ["10.0.0.53"]
        searches = ["example.org"]
        options  = ["ndots:2"]
      }
      cni {
        args = {
          ip = "10.0.0.9"
        }
      }
    }

    volume "data" {
      type            = "csi"
      source          = "data"
      read_only       = false
      sticky          = false
      access_mode     = "single-node-writer"
      attachment_mode = "file-system"
      per_alloc       = true
      mount_options {
        fs_type     = "ext4"
        mount_flags = ["noatime"]
      }
    }

    service {
      name                = "${JOB}-${TASKGROUP}-http"
      port                = "http"
      provider            = "consul"
      cluster             = "default"
      kind                = "gateway"
      task                = "server"
      address             = "203.0.113.1"
      address_mode        = "auto"
      enable_tag_override = true
      tags                = ["v2", "urlprefix-/shop"]
      canary_tags         = ["canary"]
      on_update           = "ignore_warnings"
      meta {
        version = "2"
      }
      canary_meta {
        version = "3"
      }
      tagged_addresses {
        wan = "203.0.113.2"
      }
      weights {
        passing = 10
        warning = 1
      }
      identity {
        aud = ["consul.io"]
        ttl = "1h"
      }
      check_restart {
        limit           = 3
        grace           = "20s"
        ignore_warnings = true
      }
      check {
        name                     = "alive"
        type                     = "http"
        path                     = "/healthy"
        protocol                 = "https"
        method                   = "POST"
        body                     = "{}"
        interval                 = "10s"
        timeout                  = "2s"
        initial_status           = "warning"
        port                     = "admin"
        address_mode             = "host"
        tls_server_name          = "shop.example.org"
        tls_skip_verify          = true
        success_before_passing   = 2
        failures_before_warning  = 1
        failures_before_critical = 3
        on_update                = "require_healthy"
        notes                    = "see the handbook"
        expose                   = false
        header {
          Accept = ["application/json"]
        }
      }
      check {
        type         = "grpc"
        grpc_service = "health"
        grpc_use_tls = true
        interval     = "5s"
        timeout      = "1s"
      }
      check {
        type     = "script"
        task     = "server"
        command  = "/bin/check"
        args     = ["-v"]
        interval = "30s"
        timeout  = "5s"
        check_restart {
          limit = 1
        }
      }
    }

    task "server" {
      driver = "docker"
      config {
        image = "shop:2"
        ports = ["http"]
        mount {
          type   = "bind"
          source = "local"
          target = "/srv"
        }
      }
      service {}
    }
  }
}
