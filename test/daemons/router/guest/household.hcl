wan "dsl" {
  interface = "eth0"
  vlan      = 7
  type      = "pppoe"

  pppoe {
    user     = "me@isp"
    password = "s3 cr\"et"
  }

  qos {
    upload   = "10mbit"
    download = "20mbit"
    link     = "pppoe-ptm"
  }
}

lan "home" {
  interface = "eth1"
  vlan      = 20
  address   = "192.168.20.1/24"
  subnet    = 3
}

wireguard "away" {
  address = "10.99.0.1/24"

  peer "phone" {
    public_key = "@PEER@"
    address    = "10.99.0.2"
  }
}

ntp {
  servers = ["192.0.2.1"]
}
