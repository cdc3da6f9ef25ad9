// Package serve runs one control plane as a set of child processes, for as long as its standard
// input stays open.
//
// What it prints on stdout is one line of JSON, once everything answers (Report). It decides
// nothing about what runs in the cluster and installs nothing but what every cluster has.
package serve

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// portAttempts bounds how often a start is tried with other ports: between choosing a port and
// listening on it another process may take it.
const portAttempts = 3

// Report is what the parent learns about a control plane that answers.
type Report struct {
	Server      string            `json:"server"`
	Kubeconfigs map[string]string `json:"kubeconfigs"`
	AuditLog    string            `json:"audit_log"`
	ReadyMillis int64             `json:"ready_millis"`
}

type options struct {
	dir     string
	nodes   int
	users   list
	kubelet list
	keep    bool
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

// Run starts a control plane, reports it, and ends it when stdin closes or a part of it dies.
func Run(args []string) error {
	// The children die with the thread that started them, so that must be one that stays.
	runtime.LockOSThread()
	var o options
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", "", "folder to make and to remove at the end; best on tmpfs")
	flags.IntVar(&o.nodes, "nodes", 2, "number of simulated nodes")
	flags.Var(&o.users, "user", "user without any right of its own to make a kubeconfig for (repeatable)")
	flags.Var(&o.kubelet, "kubelet", "flag handed to the simulated kubelet (repeatable)")
	flags.BoolVar(&o.keep, "keep", false, "leave the logs behind at the end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !filepath.IsAbs(o.dir) {
		return errors.New("--dir must be an absolute path")
	}
	claim, err := claimDir(o.dir)
	if err != nil {
		return err
	}
	defer claim.release(o.keep)
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	return runUntil(closed, &o)
}

func runUntil(closed <-chan struct{}, o *options) error {
	var failures []error
	for range portAttempts {
		cluster, err := newCluster(o)
		if err != nil {
			return err
		}
		err = cluster.start(closed)
		if err == nil {
			err = cluster.serve(closed)
			cluster.stop()
			return err
		}
		cluster.stop()
		if errors.Is(err, errClosed) {
			return nil
		}
		failures = append(failures, err)
	}
	return fmt.Errorf("did not start: %w", errors.Join(failures...))
}

// serve reports the cluster and waits for its end.
func (c *cluster) serve(closed <-chan struct{}) error {
	report := Report{
		Server:      c.server,
		Kubeconfigs: c.kubeconfigs,
		AuditLog:    c.path("audit.log"),
		ReadyMillis: time.Since(c.began).Milliseconds(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		return err
	}
	select {
	case <-closed:
		return nil
	case part := <-c.ended:
		return part.failure()
	}
}
