# A batch job on a schedule: everything one task can have.
job "nightly" {
  type = "batch"

  periodic {
    crons            = ["0 3 * * *", "@weekly"]
    prohibit_overlap = true
    time_zone        = "Europe/Berlin"
    enabled          = true
  }

  group "report" {
    network {
      port "metrics" {}
    }
    volume "out" {
      type   = "host"
      source = "reports"
    }
    task "make" {
      driver         = "docker"
      user           = "1000:1000"
      leader         = true
      kind           = "report"
      kill_signal    = "SIGINT"
      kill_timeout   = "20s"
      shutdown_delay = "3s"
      config         = { image = "report:1", args = ["--all"] }
      env = {
        OUT   = "${NOMAD_TASK_DIR}/out"
        LEVEL = 3
      }
      meta {
        kind = "pdf"
      }
      constraint {
        attribute = "${attr.cpu.arch}"
        operator  = "is_set"
      }
      affinity {
        attribute = "${node.class}"
        value     = "big"
        weight    = -10
      }
      restart {
        attempts = 1
      }
      resources {
        cores      = 2
        memory     = 512
        memory_max = 1024
        disk       = 10
        iops       = 0
        secrets    = 5
        device "nvidia/gpu" {
          count = 2
          constraint {
            attribute = "${device.attr.memory}"
            operator  = ">="
            value     = "4 GiB"
          }
          affinity {
            attribute = "${device.model}"
            value     = "A2"
          }
        }
        numa {
          affinity = "prefer"
          devices  = ["nvidia/gpu"]
        }
        network {
          port "old" {
            static = 7000
          }
        }
      }
      logs {
        max_files     = 3
        max_file_size = 5
        disabled      = false
      }
      artifact {
        source      = "https://example.org/tool.tgz"
        destination = "local/tool"
        mode        = "dir"
        insecure    = true
        chown       = true
        options {
          checksum = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        }
        headers {
          Accept = "application/gzip"
        }
      }
      artifact {
        source = "https://example.org/a/config.yaml?version=1"
        mode   = "file"
      }
      template {
        data                 = <<-EOT
          {{ range nomadService "db" }}
          host = {{ .Address }}
          {{ end }}
        EOT
        destination          = "local/config.ini"
        change_mode          = "script"
        splay                = "1s"
        perms                = "0600"
        uid                  = 1000
        gid                  = 1000
        once                 = true
        vault_grace          = "5m"
        left_delimiter       = "{{"
        right_delimiter      = "}}"
        error_on_missing_key = true
        change_script {
          command       = "/bin/reload"
          args          = ["now"]
          timeout       = "9s"
          fail_on_error = true
        }
        wait {
          min = "2s"
          max = "1m"
        }
      }
      template {
        source      = "local/env.tpl"
        destination = "secrets/env"
        env         = true
      }
      template {
        data          = "x"
        destination   = "local/x"
        change_mode   = "signal"
        change_signal = "sigusr1"
      }
      volume_mount {
        volume           = "out"
        destination      = "/out"
        read_only        = true
        propagation_mode = "host-to-task"
        selinux_label    = "Z"
      }
      identity {
        env  = true
        file = true
      }
      identity {
        name          = "aws"
        aud           = ["sts.amazonaws.com"]
        ttl           = "30m"
        filepath      = "local/aws.jwt"
        file          = true
        change_mode   = "signal"
        change_signal = "SIGHUP"
      }
      vault {
        policies               = ["report"]
        role                   = "report"
        namespace              = "ns"
        cluster                = "default"
        env                    = false
        disable_file           = true
        change_mode            = "signal"
        change_signal          = "SIGUSR2"
        allow_token_expiration = true
      }
      consul {
        namespace = "ns"
        cluster   = "default"
        partition = "part"
      }
      secret "db" {
        provider = "vault"
        path     = "kv/data/db"
        config {
          engine = "kv_v2"
        }
        env {
          A = "b"
        }
      }
      action "dump" {
        command = "/bin/dump"
        args    = ["-v", "${NOMAD_JOB_NAME}"]
      }
      scaling "cpu" {
        enabled = true
        min     = 100
        max     = 1000
        policy {
          cooldown = "10m"
        }
      }
      service {
        name = "report-metrics"
        port = "metrics"
        check {
          type     = "tcp"
          interval = "10s"
          timeout  = "1s"
        }
      }
    }
    task "clean" {
      driver = "raw_exec"
      lifecycle {
        hook    = "poststop"
        sidecar = false
      }
      config {
        command = "/bin/rm"
      }
    }
  }
}
