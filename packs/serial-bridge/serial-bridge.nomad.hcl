# A serial device for the whole network: RFC 2217 for programs that open ports, plain bytes for netcat, WebSockets for
# pages, and a log of its lines. It runs on whichever node the device is plugged into.
variable "name" {
  type        = string
  default     = "serial-bridge"
  description = "Of the job and its services; another for each device"
}

variable "device" {
  type        = string
  default     = "serial"
  description = "What to bridge: serial, serial/arduino, arduino/serial/uno"
}

variable "serial_number" {
  type        = string
  default     = ""
  description = "The very device, where there are several of a kind: lares serial ls shows the numbers"
}

variable "baud" {
  type    = number
  default = 115200
}

variable "format" {
  type        = string
  default     = "8N1"
  description = "Data bits, parity, stop bits"
}

variable "flow" {
  type        = string
  default     = "none"
  description = "none, rtscts or xonxoff"
}

variable "telnet_port" {
  type        = number
  default     = 0
  description = "A port of the node for RFC 2217; 0 takes a free one, and the catalog knows it"
}

job "serial-bridge" {
  id   = var.name
  type = "service"

  group "bridge" {
    network {
      port "telnet" { static = var.telnet_port }
      port "raw" {}
      port "http" {}
    }

    # Unplugged, it waits here for the device to come back; another node with one takes it after ten minutes.
    restart {
      attempts = 60
      interval = "10m"
      delay    = "10s"
      mode     = "fail"
    }

    task "bridge" {
      driver = "lares"

      config {
        role = "serial-bridge"
      }

      env {
        LARES_SERIAL_BAUD   = var.baud
        LARES_SERIAL_FORMAT = var.format
        LARES_SERIAL_FLOW   = var.flow
      }

      resources {
        cpu    = 50
        memory = 64

        dynamic "device" {
          for_each = [var.device]
          labels   = [device.value]

          content {
            dynamic "constraint" {
              for_each = var.serial_number == "" ? [] : [var.serial_number]

              content {
                attribute = "$${device.attr.serial_number}"
                value     = constraint.value
              }
            }
          }
        }
      }

      service {
        name = var.name
        port = "telnet"
        tags = ["serial", "rfc2217"]

        check {
          type     = "tcp"
          interval = "30s"
          timeout  = "5s"
        }
      }

      service {
        name = "${var.name}-http"
        port = "http"
        tags = ["serial", "http"]

        check {
          type     = "http"
          path     = "/v1/port"
          interval = "30s"
          timeout  = "5s"
        }
      }
    }
  }
}
