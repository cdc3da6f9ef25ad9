// Command controlplane is a whole Kubernetes control plane for tests in one binary: etcd, the API
// server, the controller manager, the scheduler and a simulated kubelet, each a subcommand, and
// `serve`, which runs one of each and ends them all when its standard input closes.
//
// It is no cluster to work with: nothing survives `serve`, and no container ever runs.
package main

import (
	"fmt"
	"os"

	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	"sluice.test/controlplane/kubelet"
	"sluice.test/controlplane/serve"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("no subcommand given"))
	}
	name := os.Args[1]
	// The Kubernetes commands read the arguments themselves and expect to be the program.
	os.Args = append([]string{name}, os.Args[2:]...)
	switch name {
	case "etcd":
		fail(runEtcd(os.Args[1:]))
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kubelet":
		fail(kubelet.Run(os.Args[1:]))
	case "serve":
		fail(serve.Run(os.Args[1:]))
	default:
		fail(fmt.Errorf("unknown subcommand %q", name))
	}
}

// fail ends the process: with 1 and the error on stderr, or with 0 where there is none.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
