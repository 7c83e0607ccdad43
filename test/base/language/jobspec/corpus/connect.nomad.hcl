# A service of the mesh, and two gateways.
job "mesh" {
  group "api" {
    network {
      mode = "bridge"
      port "health" {}
    }
    service {
      name = "api"
      port = "9001"
      route {
        host = "api.example.org"
      }
      connect {
        sidecar_service {
          tags                      = ["proxy"]
          port                      = "sidecar"
          disable_default_tcp_check = true
          meta {
            a = "b"
          }
          proxy {
            local_service_address = "127.0.0.1"
            local_service_port    = 9001
            config {
              envoy_stats = "x"
            }
            upstreams {
              destination_name        = "db"
              destination_namespace   = "default"
              destination_peer        = "other"
              destination_partition   = "part"
              destination_type        = "service"
              datacenter              = "dc2"
              local_bind_address      = "127.0.0.1"
              local_bind_port         = 5432
              local_bind_socket_path  = "/tmp/db.sock"
              local_bind_socket_mode  = "0600"
              mesh_gateway {
                mode = "local"
              }
              config {
                protocol = "tcp"
              }
            }
            expose {
              path {
                path            = "/health"
                protocol        = "http"
                local_path_port = 9001
                listener_port   = "health"
              }
            }
            transparent_proxy {
              uid                    = "101"
              outbound_port          = 15001
              exclude_inbound_ports  = ["health"]
              exclude_outbound_ports = [8500]
              exclude_outbound_cidrs = ["10.0.0.0/8"]
              exclude_uids           = ["0"]
              no_dns                 = true
            }
          }
        }
        sidecar_task {
          name           = "proxy"
          driver         = "docker"
          user           = "101"
          kill_timeout   = "9s"
          kill_signal    = "SIGTERM"
          shutdown_delay = "1s"
          config {
            image = "envoy"
          }
          env {
            A = "b"
          }
          meta {
            c = "d"
          }
          resources {
            cpu    = 50
            memory = 64
          }
          logs {
            max_files = 2
          }
          volume_mount {
            volume      = "v"
            destination = "/v"
          }
        }
      }
    }
    task "api" {
      driver = "docker"
    }
  }
  group "in" {
    service {
      name = "in"
      connect {
        gateway {
          proxy {
            connect_timeout                     = "6s"
            envoy_gateway_bind_tagged_addresses = true
            envoy_gateway_no_default_bind       = true
            envoy_dns_discovery_type            = "STRICT_DNS"
            envoy_gateway_bind_addresses "wan" {
              address = "0.0.0.0"
              port    = 8888
            }
            config {
              x = 1
            }
          }
          ingress {
            tls {
              enabled         = true
              tls_min_version = "TLSv1_2"
              tls_max_version = "TLSv1_3"
              cipher_suites   = ["A"]
              sds {
                cluster_name  = "sds"
                cert_resource = "cert"
              }
            }
            listener {
              port     = 8080
              protocol = "http"
              service {
                name                    = "api"
                hosts                   = ["api.example.org"]
                max_connections         = 10
                max_pending_requests    = 20
                max_concurrent_requests = 30
                tls {
                  enabled = false
                }
                request_headers {
                  add = {
                    a = "b"
                  }
                  set {
                    c = "d"
                  }
                  remove = ["e"]
                }
                response_headers {
                  add {
                    f = "g"
                  }
                  set = {
                    h = "i"
                  }
                }
              }
            }
          }
        }
      }
    }
    service {
      name = "out"
      connect {
        gateway {
          terminating {
            service {
              name      = "legacy"
              ca_file   = "ca.pem"
              cert_file = "cert.pem"
              key_file  = "key.pem"
              sni       = "legacy.example.org"
            }
          }
        }
      }
    }
    service {
      name = "far"
      connect {
        gateway {
          mesh {}
        }
      }
    }
    task "own" {
      driver = "docker"
    }
  }
  group "native" {
    service {
      name = "native"
      port = "9"
      connect {
        native = true
      }
    }
    task "own" {
      driver = "docker"
    }
  }
}
