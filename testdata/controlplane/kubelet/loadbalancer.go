package kubelet

import (
	"context"
	"fmt"
	"log"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// watchLoadBalancers gives each service of type LoadBalancer an address, as a cloud would. The
// address (of a network kept for tests) follows from the service's cluster address, so no two are
// equal.
func watchLoadBalancers(ctx context.Context, client kubernetes.Interface, factory informers.SharedInformerFactory) {
	changed := func(object any) {
		service, ok := object.(*corev1.Service)
		if !ok || service.DeletionTimestamp != nil || service.Spec.Type != corev1.ServiceTypeLoadBalancer {
			return
		}
		var third, fourth int
		if _, err := fmt.Sscanf(service.Spec.ClusterIP, "10.96.%d.%d", &third, &fourth); err != nil {
			return
		}
		if len(service.Status.LoadBalancer.Ingress) > 0 {
			return
		}
		patch := fmt.Appendf(nil, `{"status":{"loadBalancer":{"ingress":[{"ip":"198.18.%d.%d"}]}}}`, third, fourth)
		_, err := client.CoreV1().Services(service.Namespace).Patch(ctx, service.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		if err != nil && !errors.IsNotFound(err) {
			log.Printf("address of service %s/%s: %v", service.Namespace, service.Name, err)
		}
	}
	watch(factory.Core().V1().Services().Informer(), changed)
}

// watch calls back for everything there is and for every change to it.
func watch(informer cache.SharedIndexInformer, changed func(any)) {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, object any) { changed(object) },
	})
	if err != nil {
		log.Fatalf("watching: %v", err)
	}
}
