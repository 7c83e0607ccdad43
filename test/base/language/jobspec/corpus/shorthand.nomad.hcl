# Tasks right in the job, older keys, and blocks that are given down.
job "short" {
  type = "sysbatch"

  parameterized {
    payload       = "required"
    meta_required = ["who"]
    meta_optional = ["why"]
  }
  vault {
    policies = ["all"]
  }
  secret "shared" {
    provider = "nomad"
    path     = "nomad/jobs/short"
  }
  group "older" {
    max_client_disconnect      = "12h"
    prevent_reschedule_on_lost = true
    vault {
      role = "group"
    }
    secret "own" {
      provider = "nomad"
      path     = "x"
    }
    task "one" {
      driver = "exec"
      dispatch_payload {
        file = "input.json"
      }
      secret "shared" {
        provider = "nomad"
        path     = "instead"
      }
    }
    task "two" {
      driver = "exec"
      vault {
        role = "task"
      }
    }
  }
  group "stops" {
    stop_after_client_disconnect = "1m"
    disconnect {
      stop_on_client_after = "2m"
    }
    task "t" {
      driver = "exec"
    }
  }
  task "alone" {
    driver = "exec"
    csi_plugin {
      id                     = "nfs"
      type                   = "node"
      mount_dir              = "/csi"
      stage_publish_base_dir = "/local/csi2"
      health_timeout         = "45s"
    }
  }
}
