# A virtual machine from a cloud image, set up by cloud-init, with its disk on a volume: what it wrote outlives the task.
# Without "image_path" Debian's image for this processor is fetched.
variable "name" {
  type        = string
  default     = "vm"
  description = "Of the job, its service and the machine; another for each machine"
}

variable "image_url" {
  type        = string
  default     = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2"
  description = "A disk image that cloud-init sets up; it is never written"
}

variable "image_checksum" {
  type        = string
  default     = ""
  description = "sha256:… or sha512:… of the image; empty: it is taken as it comes"
}

variable "image_path" {
  type        = string
  default     = ""
  description = "An image on the node instead, below a folder of plugin \"qemu\" { image_paths }"
}

variable "ssh_key" {
  type        = string
  default     = ""
  description = "Who may log in: a line of authorized_keys"
}

variable "user_data" {
  type        = string
  default     = ""
  description = "The whole of cloud-init's user data, instead of what is made of the other variables"
}

variable "packages" {
  type        = list(string)
  default     = ["qemu-guest-agent"]
  description = "Installed at the first start"
}

variable "disk_size" {
  type    = string
  default = "10G"
}

variable "data_volume" {
  type        = string
  default     = ""
  description = "A host volume for a second disk, /dev/disk/by-id/virtio-data in the machine; empty: it has none"
}

variable "data_size" {
  type    = string
  default = "20G"
}

variable "ssh_port" {
  type        = number
  default     = 0
  description = "A port of the node for SSH; 0 takes a free one, and the catalog knows it"
}

variable "http_port" {
  type        = number
  default     = 0
  description = "The same for the machine's port 80"
}

variable "screen" {
  type        = bool
  default     = false
  description = "A screen by VNC, at a port of its own; who reaches it needs no password unless one is set"
}

variable "screen_password" {
  type        = string
  default     = ""
  description = "Up to eight letters, as VNC has it"
}

variable "firmware" {
  type        = string
  default     = ""
  description = "bios or uefi; empty: what suits the processor"
}

variable "memory" {
  type        = number
  default     = 1024
  description = "MB"
}

variable "cpu" {
  type        = number
  default     = 1000
  description = "MHz"
}

variable "cpus" {
  type    = number
  default = 1
}

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

locals {
  keys = var.ssh_key == "" ? [] : [var.ssh_key]
  user_data = var.user_data != "" ? var.user_data : join("\n", [
    "#cloud-config",
    yamlencode({
      hostname            = var.name
      ssh_authorized_keys = local.keys
      package_update      = length(var.packages) > 0
      packages            = var.packages
      runcmd              = ["systemctl start qemu-guest-agent || true"]
    }),
  ])
}

job "vm" {
  id          = var.name
  name        = var.name
  type        = "service"
  datacenters = var.datacenters

  group "machine" {
    network {
      port "ssh" {
        static = var.ssh_port
        to     = 22
      }
      port "http" {
        static = var.http_port
        to     = 80
      }
      dynamic "port" {
        for_each = var.screen ? ["screen"] : []
        labels   = [port.value]
        content {}
      }
    }

    # The overlay with all it wrote stays with the group, and moves along when the node is drained.
    ephemeral_disk {
      size    = 12000
      sticky  = true
      migrate = true
    }

    dynamic "volume" {
      for_each = var.data_volume == "" ? [] : [var.data_volume]
      labels   = ["data"]
      content {
        type   = "host"
        source = volume.value
      }
    }

    task "machine" {
      driver       = "qemu"
      kill_timeout = "60s"

      dynamic "artifact" {
        for_each = var.image_path == "" ? [var.image_url] : []
        content {
          source      = artifact.value
          destination = "local/image.qcow2"
          mode        = "file"
          options     = var.image_checksum == "" ? {} : { checksum = var.image_checksum }
        }
      }

      dynamic "volume_mount" {
        for_each = var.data_volume == "" ? [] : [var.data_volume]
        content {
          volume      = "data"
          destination = "/data"
        }
      }

      config {
        image_path  = var.image_path == "" ? "local/image.qcow2" : var.image_path
        image_size  = var.disk_size
        cpus        = var.cpus
        firmware    = var.firmware
        guest_agent = true
        ports       = ["ssh", "http"]

        dynamic "disk" {
          for_each = var.data_volume == "" ? [] : [var.data_volume]
          content {
            source = "/data/${var.name}.qcow2"
            size   = var.data_size
            serial = "data"
          }
        }

        dynamic "vnc" {
          for_each = var.screen ? ["screen"] : []
          content {
            port     = vnc.value
            password = var.screen_password
          }
        }

        cloud_init {
          user_data = local.user_data
        }
      }

      resources {
        cpu    = var.cpu
        memory = var.memory
      }
    }

    service {
      name = "${var.name}-ssh"
      port = "ssh"
      check {
        type     = "tcp"
        interval = "15s"
        timeout  = "3s"
      }
    }
    service {
      name = "${var.name}-http"
      port = "http"
    }
  }
}
