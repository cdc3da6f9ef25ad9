package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const (
	nodePrefix = "node-"
	// zones that nodes are spread over in turn.
	zones = 3
	// leaseSeconds and renewEvery are the kubelet's own.
	leaseSeconds = int32(40)
	renewEvery   = 10 * time.Second
	// retryEvery is short: a test waits for the nodes.
	retryEvery = 100 * time.Millisecond
	// statusEvery counts renewals: the controller manager wants to hear of a node's conditions, too.
	statusEvery = 6
)

func nodeName(index int) string         { return fmt.Sprintf("%s%d", nodePrefix, index) }
func isSimulated(pod *corev1.Pod) bool  { return strings.HasPrefix(pod.Spec.NodeName, nodePrefix) }
func nodeAddress(name string) string    { return "10.255.0." + fmt.Sprint(1+nodeIndex(name)%250) }
func nodeIndex(name string) (index int) { _, _ = fmt.Sscanf(name, nodePrefix+"%d", &index); return }
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// keepNodes registers the nodes and renews their leases until the context ends.
func keepNodes(ctx context.Context, client kubernetes.Interface, count int) {
	for round := 0; ; round++ {
		wait := renewEvery
		for index := range count {
			err := renew(ctx, client, nodeName(index))
			if err == nil && round%statusEvery == 0 {
				err = register(ctx, client, index)
			}
			if err != nil && ctx.Err() == nil {
				log.Printf("%s: %v", nodeName(index), err)
				round, wait = -1, retryEvery
			}
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

func register(ctx context.Context, client kubernetes.Interface, index int) error {
	name := nodeName(index)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		corev1.LabelHostname:       name,
		corev1.LabelOSStable:       "linux",
		corev1.LabelArchStable:     "amd64",
		corev1.LabelTopologyRegion: "region-0",
		corev1.LabelTopologyZone:   fmt.Sprintf("zone-%d", index%zones),
	}}}
	if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	patch, err := json.Marshal(map[string]any{"status": nodeStatus(name, metav1.Now())})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

func nodeStatus(name string, now metav1.Time) corev1.NodeStatus {
	resources := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourcePods:             resource.MustParse("500"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
	}
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: kind, Status: status, Reason: reason, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	return corev1.NodeStatus{
		Capacity:    resources,
		Allocatable: resources,
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: nodeAddress(name)},
			{Type: corev1.NodeHostName, Address: name},
		},
		NodeInfo: corev1.NodeSystemInfo{
			KubeletVersion:          "v1.36.3",
			OperatingSystem:         "linux",
			Architecture:            "amd64",
			ContainerRuntimeVersion: "simulated://1",
		},
		Conditions: []corev1.NodeCondition{
			condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady"),
			condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory"),
			condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure"),
			condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID"),
		},
	}
}

func renew(ctx context.Context, client kubernetes.Interface, name string) error {
	leases := client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	now, seconds := metav1.NowMicro(), leaseSeconds
	lease, err := leases.Get(ctx, name, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}
