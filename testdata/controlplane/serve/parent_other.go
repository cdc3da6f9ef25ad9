//go:build !linux

package serve

import "os/exec"

// dieWithParent can do nothing here: a killed `serve` leaves its children behind.
func dieWithParent(*exec.Cmd) {}
