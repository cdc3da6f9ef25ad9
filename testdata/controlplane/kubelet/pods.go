package kubelet

import (
	"context"
	"encoding/json"
	"log"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// Failed writes are tried again, first soon.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// podWorker writes the status of every pod on a simulated node.
type podWorker struct {
	client    kubernetes.Interface
	options   *options
	pods      cache.SharedIndexInformer
	queue     workqueue.TypedRateLimitingInterface[string]
	addresses *addresses
	mutex     sync.Mutex
	records   map[types.UID]*record
}

// record is what is remembered of a pod and not written in it.
type record struct {
	// seen, configured, told: on its node, with all it refers to, told to end; zero if not yet.
	seen, configured, told time.Time
	// lacked: it had to wait for something that it refers to.
	lacked bool
}

func newPodWorker(client kubernetes.Interface, o *options, pods cache.SharedIndexInformer) *podWorker {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)
	w := &podWorker{
		client:    client,
		options:   o,
		pods:      pods,
		queue:     workqueue.NewTypedRateLimitingQueue(limiter),
		addresses: newAddresses(o.network),
		records:   map[types.UID]*record{},
	}
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    w.changed,
		UpdateFunc: func(_, pod any) { w.changed(pod) },
		DeleteFunc: w.gone,
	})
	if err != nil {
		log.Fatalf("watching pods: %v", err)
	}
	return w
}

func (w *podWorker) changed(object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok || !isSimulated(pod) {
		return
	}
	if pod.Status.PodIP != "" {
		w.addresses.keep(pod.UID, pod.Status.PodIP)
	}
	w.queue.Add(pod.Namespace + "/" + pod.Name)
}

func (w *podWorker) gone(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	if pod, ok := object.(*corev1.Pod); ok {
		w.addresses.free(pod.UID)
		w.mutex.Lock()
		delete(w.records, pod.UID)
		w.mutex.Unlock()
	}
}

func (w *podWorker) run(ctx context.Context) {
	for range w.options.workers {
		go func() {
			for w.next(ctx) {
			}
		}()
	}
	go func() {
		<-ctx.Done()
		w.queue.ShutDown()
	}()
}

func (w *podWorker) next(ctx context.Context) bool {
	key, shut := w.queue.Get()
	if shut {
		return false
	}
	defer w.queue.Done(key)
	object, exists, err := w.pods.GetStore().GetByKey(key)
	if err != nil || !exists {
		w.queue.Forget(key)
		return true
	}
	again, err := w.sync(ctx, object.(*corev1.Pod))
	switch {
	case err == nil || errors.IsNotFound(err):
		w.queue.Forget(key)
		if again > 0 && again < forever {
			w.queue.AddAfter(key, again)
		}
	default:
		if ctx.Err() == nil {
			log.Printf("%s: %v", key, err)
		}
		w.queue.AddRateLimited(key)
	}
	return true
}

// sync writes what the pod's status has become and says when to look again.
func (w *podWorker) sync(ctx context.Context, pod *corev1.Pod) (time.Duration, error) {
	now := time.Now()
	if pod.DeletionTimestamp != nil {
		known := w.recordOf(pod, now)
		if known.told.IsZero() {
			known.told = now
		}
		if left := known.told.Add(termination(pod, w.options.delays)).Sub(now); left > 0 {
			return left, nil
		}
		at := int64(0)
		return 0, w.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &at,
			Preconditions:      &metav1.Preconditions{UID: &pod.UID},
		})
	}
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return 0, nil
	}
	m, err := w.momentOf(ctx, pod, now)
	if err != nil {
		return 0, err
	}
	status, next := podStatus(pod, m)
	if same(&pod.Status, &status) {
		return next, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return 0, err
	}
	_, err = w.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return next, err
}

// recordOf is what is remembered of the pod, after a restart as far as the pod itself tells. The
// queue gives a pod to one worker at a time, so the record needs no lock.
func (w *podWorker) recordOf(pod *corev1.Pod, now time.Time) *record {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	known := w.records[pod.UID]
	if known == nil {
		known = &record{seen: now}
		if pod.Status.StartTime != nil {
			known.seen = pod.Status.StartTime.Time
		}
		if pod.Status.PodIP != "" {
			known.configured = known.seen
		}
		w.records[pod.UID] = known
	}
	return known
}

// momentOf gathers what the pod's status depends on.
func (w *podWorker) momentOf(ctx context.Context, pod *corev1.Pod, now time.Time) (moment, error) {
	known := w.recordOf(pod, now)
	m := moment{seen: known.seen, configured: known.configured, now: now, delays: w.options.delays}
	if m.configured.IsZero() && !now.Before(m.seen.Add(m.delays.start)) {
		var err error
		if m.missing, err = findMissing(ctx, w.client, pod); err != nil {
			return m, err
		}
		switch {
		case !m.missing.none():
			known.lacked = true
		case known.lacked:
			known.configured = now
		default:
			known.configured = m.seen
		}
		m.configured = known.configured
	}
	if !m.configured.IsZero() {
		m.address = w.addresses.of(pod.UID)
		if pod.Spec.HostNetwork {
			m.address = nodeAddress(pod.Spec.NodeName)
		}
	}
	return m, nil
}

// termination is how long a pod takes to end once told: a preStop sleep and a short while, never
// longer than its grace period.
func termination(pod *corev1.Pod, d delays) time.Duration {
	grace := time.Duration(0)
	if seconds := pod.DeletionGracePeriodSeconds; seconds != nil {
		grace = time.Duration(*seconds) * time.Second
	}
	takes := d.terminate
	for _, container := range pod.Spec.Containers {
		if hook := container.Lifecycle; hook != nil && hook.PreStop != nil && hook.PreStop.Sleep != nil {
			takes = max(takes, d.terminate+time.Duration(hook.PreStop.Sleep.Seconds)*time.Second)
		}
		if behaviourOf(container.Image) == stubborn {
			takes = grace
		}
	}
	return min(takes, grace)
}

// same says whether a status needs no writing. Seconds are all that the API keeps of a time.
func same(old, wanted *corev1.PodStatus) bool {
	normal := func(status *corev1.PodStatus) (copied corev1.PodStatus) {
		text, err := json.Marshal(status)
		if err == nil {
			err = json.Unmarshal(text, &copied)
		}
		if err != nil {
			log.Fatalf("a pod status is not JSON: %v", err)
		}
		ours := map[corev1.PodConditionType]bool{}
		for _, condition := range wanted.Conditions {
			ours[condition.Type] = true
		}
		kept := map[corev1.PodConditionType]corev1.PodCondition{}
		for _, condition := range copied.Conditions {
			if ours[condition.Type] {
				condition.LastProbeTime = metav1.Time{}
				kept[condition.Type] = condition
			}
		}
		copied.Conditions = nil
		for _, condition := range wanted.Conditions {
			copied.Conditions = append(copied.Conditions, kept[condition.Type])
		}
		return copied
	}
	a, b := normal(old), normal(wanted)
	return a.Phase == b.Phase && a.PodIP == b.PodIP && a.ObservedGeneration == b.ObservedGeneration &&
		equality.Semantic.DeepEqual(a.Conditions, b.Conditions) &&
		equality.Semantic.DeepEqual(a.ContainerStatuses, b.ContainerStatuses) &&
		equality.Semantic.DeepEqual(a.InitContainerStatuses, b.InitContainerStatuses)
}
