# Read, but refused by validation: what this cluster does not do.
job "wide" {
  multiregion {
    strategy {
      max_parallel = 1
      on_failure   = "fail_all"
    }
    region "eu" {
      count       = 2
      datacenters = ["eu-1"]
      node_pool   = "eu"
      meta {
        a = "b"
      }
    }
  }
  group "g" {
    task "t" {
      driver = "docker"
      schedule {
        cron {
          start    = "0 9 * * *"
          end      = "0 17"
          timezone = "UTC"
        }
      }
    }
  }
}
