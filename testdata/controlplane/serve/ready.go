package serve

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// startTimeout is for a machine that does much else; alone a start takes four seconds.
	startTimeout = 3 * time.Minute
	// askEvery is short, since a start is waited for by somebody.
	askEvery = 50 * time.Millisecond
	// askTimeout bounds one question, so that a lost one is asked again.
	askTimeout = 5 * time.Second
)

// wait asks until the answer is nil, a part dies, the parent goes away or the time is up.
func (c *cluster) wait(closed <-chan struct{}, what string, ask func(context.Context, kubernetes.Interface) error) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfigs[adminUser])
	if err != nil {
		return err
	}
	config.Timeout = askTimeout
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	deadline := time.After(startTimeout)
	for {
		if err = ask(context.Background(), client); err == nil {
			return nil
		}
		select {
		case <-closed:
			return errClosed
		case p := <-c.ended:
			return p.failure()
		case <-deadline:
			return fmt.Errorf("waiting for %s took over %s: %w", what, startTimeout, err)
		case <-time.After(askEvery):
		}
	}
}

func (c *cluster) apiServerReady(ctx context.Context, client kubernetes.Interface) error {
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// usable means that a pod made now would be admitted and scheduled.
func (c *cluster) usable(ctx context.Context, client kubernetes.Interface) error {
	if _, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	ready := 0
	for _, node := range nodes.Items {
		if isReady(&node) && len(node.Spec.Taints) == 0 {
			ready++
		}
	}
	if ready < c.options.nodes {
		return fmt.Errorf("%d of %d nodes are ready", ready, c.options.nodes)
	}
	return nil
}

func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
