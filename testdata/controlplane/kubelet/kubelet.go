// Package kubelet pretends to be the kubelets of a cluster's nodes, and the outside world that a
// cluster asks for load balancer addresses and volumes.
//
// No container runs. What a pod seems to do follows from its image tags (behaviourOf), its restart
// policy and the time alone (podStatus); everything else here is watching and writing.
package kubelet

import (
	"context"
	"flag"
	"log"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// delays say how long things take.
type delays struct {
	start      time.Duration
	slow       time.Duration
	crash      time.Duration
	job        time.Duration
	terminate  time.Duration
	backoff    time.Duration
	maxBackoff time.Duration
}

type options struct {
	kubeconfig string
	nodes      int
	workers    int
	network    netip.Prefix
	delays     delays
}

func parse(args []string) (*options, error) {
	o := &options{network: netip.MustParsePrefix("10.128.0.0/14")}
	flags := flag.NewFlagSet("kubelet", flag.ContinueOnError)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig to act with")
	flags.IntVar(&o.nodes, "nodes", 1, "number of nodes")
	flags.IntVar(&o.workers, "workers", 8, "pods looked at at once")
	flags.TextVar(&o.network, "pod-network", o.network, "network that pods get their addresses from")
	d := &o.delays
	flags.DurationVar(&d.start, "start-delay", 300*time.Millisecond, "from scheduled to running and ready")
	flags.DurationVar(&d.slow, "slow-delay", 10*time.Second, "from scheduled to ready, images tagged slow")
	flags.DurationVar(&d.crash, "crash-delay", 200*time.Millisecond, "from running to crashed")
	flags.DurationVar(&d.job, "job-time", time.Second, "from running to completed, pods that end")
	flags.DurationVar(&d.terminate, "termination-delay", 200*time.Millisecond, "from told to end to gone, at most the grace period")
	flags.DurationVar(&d.backoff, "backoff", 2*time.Second, "first back-off, doubled every time")
	flags.DurationVar(&d.maxBackoff, "max-backoff", 30*time.Second, "longest back-off")
	return o, flags.Parse(args)
}

// Run keeps the nodes and their pods until the process is told to end.
func Run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	// Never the bottleneck of a test.
	config.QPS, config.Burst = 2000, 4000
	config.UserAgent = "simulated-kubelet"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	// Pods first: an index of all of them is what free addresses are told from.
	assigned := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(list *metav1.ListOptions) {
		list.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
	}))
	pods := newPodWorker(client, o, assigned.Core().V1().Pods().Informer())
	assigned.Start(ctx.Done())
	assigned.WaitForCacheSync(ctx.Done())
	pods.run(ctx)

	outside := informers.NewSharedInformerFactory(client, 0)
	watchLoadBalancers(ctx, client, outside)
	watchVolumes(ctx, client, outside)
	outside.Start(ctx.Done())

	log.Printf("%d nodes, pods ready after %s", o.nodes, o.delays.start)
	keepNodes(ctx, client, o.nodes)
	return nil
}
