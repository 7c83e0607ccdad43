//go:build tools

// Package tools names the program that is built here: Let's Encrypt's own test server.
package tools

import _ "github.com/letsencrypt/pebble/v2/cmd/pebble"
