//go:build tools

package main

// Keeps the Gateway API in go.mod: build.sh takes its custom resource definitions from the module.
import _ "sigs.k8s.io/gateway-api/apis/v1"
