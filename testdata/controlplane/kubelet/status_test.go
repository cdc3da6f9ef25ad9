package kubelet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	begin  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	second = delays{
		start: time.Second, slow: 10 * time.Second, crash: time.Second, job: time.Second,
		backoff: 2 * time.Second, maxBackoff: 8 * time.Second,
	}
)

func podOf(policy corev1.RestartPolicy, init string, images ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "1"}}
	pod.Spec.RestartPolicy = policy
	if init != "" {
		pod.Spec.InitContainers = []corev1.Container{{Name: "init", Image: init}}
	}
	for i, image := range images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprint("c", i), Image: image})
	}
	return pod
}

// told puts a status as `kubectl get pods` would, and the time until it changes.
func told(pod *corev1.Pod, after time.Duration) string {
	m := moment{seen: begin, configured: begin, now: begin.Add(after), address: "10.128.0.1", delays: second}
	status, next := podStatus(pod, m)
	words := []string{string(status.Phase)}
	for _, one := range append(status.InitContainerStatuses, status.ContainerStatuses...) {
		word := "Running"
		switch {
		case one.State.Waiting != nil:
			word = one.State.Waiting.Reason
		case one.State.Terminated != nil:
			word = one.State.Terminated.Reason
		case one.Ready:
			word = "Ready"
		}
		words = append(words, fmt.Sprintf("%s/%d", word, one.RestartCount))
	}
	if next == forever {
		return strings.Join(append(words, "forever"), " ")
	}
	return strings.Join(append(words, next.String()), " ")
}

func TestPodStatusFollowsImagesAndTime(t *testing.T) {
	always, onFailure, never := corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever
	for _, c := range []struct {
		name  string
		pod   *corev1.Pod
		after time.Duration
		want  string
	}{
		{"starting", podOf(always, "", "a:1"), 0, "Pending ContainerCreating/0 1s"},
		{"ready", podOf(always, "", "a:1"), time.Second, "Running Ready/0 forever"},
		{"a tag, not a registry's port or a digest", podOf(always, "", "bad:5000/crash:1@sha256:bad"), time.Second, "Running Ready/0 forever"},
		{"pull error", podOf(always, "", "a:bad"), time.Second, "Pending ErrImagePull/0 1s"},
		{"pull back-off", podOf(always, "", "a:bad"), 2 * time.Second, "Pending ImagePullBackOff/0 2s"},
		{"pulled again", podOf(always, "", "a:bad"), 4 * time.Second, "Pending ErrImagePull/0 1s"},
		{"back-off doubles", podOf(always, "", "a:bad"), 5 * time.Second, "Pending ImagePullBackOff/0 4s"},
		{"one bad of two", podOf(always, "", "a:1", "a:bad"), 2 * time.Second, "Pending Ready/0 ImagePullBackOff/0 2s"},
		{"before the first crash", podOf(always, "", "a:crash"), time.Second, "Running Running/0 1s"},
		{"restarted at once", podOf(always, "", "a:crash"), 2 * time.Second, "Running Running/1 1s"},
		{"crash loop", podOf(always, "", "a:crash"), 3 * time.Second, "Running CrashLoopBackOff/1 2s"},
		{"restarted", podOf(always, "", "a:crash"), 5 * time.Second, "Running Running/2 1s"},
		{"longer back-off", podOf(always, "", "a:crash"), 6 * time.Second, "Running CrashLoopBackOff/2 4s"},
		{"longest back-off", podOf(always, "", "a:crash"), 20 * time.Second, "Running CrashLoopBackOff/4 8s"},
		{"not ready yet", podOf(always, "", "a:slow"), 2 * time.Second, "Running Running/0 9s"},
		{"ready late", podOf(always, "", "a:slow"), 11 * time.Second, "Running Ready/0 forever"},
		{"never ready", podOf(always, "", "a:never"), time.Hour, "Running Running/0 forever"},
		{"working", podOf(never, "", "a:1"), time.Second, "Running Ready/0 1s"},
		{"worked", podOf(never, "", "a:1"), 2 * time.Second, "Succeeded Completed/0 forever"},
		{"failed", podOf(never, "", "a:fail"), 2 * time.Second, "Failed Error/0 forever"},
		{"out of memory", podOf(never, "", "a:oom"), 2 * time.Second, "Failed OOMKilled/0 forever"},
		{"failing again", podOf(onFailure, "", "a:fail"), 3 * time.Second, "Running CrashLoopBackOff/1 2s"},
		{"initialized", podOf(always, "i:1", "a:1"), time.Second, "Running Completed/0 Ready/0 forever"},
		{"initializing", podOf(always, "i:slow", "a:1"), time.Second, "Pending Running/0 PodInitializing/0 10s"},
		{"init fails", podOf(always, "i:crash", "a:1"), 3 * time.Second, "Pending CrashLoopBackOff/1 PodInitializing/0 2s"},
		{"init fails for good", podOf(never, "i:fail", "a:1"), 2 * time.Second, "Failed Error/0 PodInitializing/0 forever"},
	} {
		if got := told(c.pod, c.after); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestConditionsKeepTheTimeOfTheirTransition(t *testing.T) {
	pod := podOf(corev1.RestartPolicyAlways, "", "a:slow")
	m := moment{seen: begin, configured: begin, now: begin.Add(2 * time.Second), address: "10.128.0.1", delays: second}
	pod.Status, _ = podStatus(pod, m)
	m.now = begin.Add(12 * time.Second)
	after, _ := podStatus(pod, m)
	for i, want := range []time.Duration{2, 2, 12, 12, 2} {
		if got := after.Conditions[i].LastTransitionTime.Sub(begin); got != want*time.Second {
			t.Errorf("%s: changed after %s, want %ds", after.Conditions[i].Type, got, want)
		}
	}
	if !same(&after, &after) || same(&pod.Status, &after) {
		t.Error("only a status that changed is written")
	}
}

func TestTerminationHonoursTheGracePeriod(t *testing.T) {
	d := delays{terminate: 200 * time.Millisecond}
	sleep := &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}}
	for _, c := range []struct {
		name  string
		image string
		hook  *corev1.Lifecycle
		grace int64
		want  time.Duration
	}{
		{"ends soon", "a:1", nil, 30, 200 * time.Millisecond},
		{"no grace", "a:1", nil, 0, 0},
		{"sleeps first", "a:1", sleep, 30, 5200 * time.Millisecond},
		{"sleeps too long", "a:1", sleep, 3, 3 * time.Second},
		{"does not listen", "a:stubborn", nil, 30, 30 * time.Second},
	} {
		pod := podOf(corev1.RestartPolicyAlways, "", c.image)
		pod.Spec.Containers[0].Lifecycle = c.hook
		pod.DeletionGracePeriodSeconds = &c.grace
		if got := termination(pod, d); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
