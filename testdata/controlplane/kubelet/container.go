package kubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pullErrorShown is how long ErrImagePull stands before the back-off; long enough to be seen.
const pullErrorShown = time.Second

// forever is a time after which nothing changes any more.
const forever = time.Duration(1<<63 - 1)

// attempt is one try of something that fails and is tried again after a back-off.
type attempt struct {
	number int
	// began and ended count from the first attempt's begin.
	began, ended time.Duration
	backingOff   bool
	// backoff is the pause that follows this attempt.
	backoff time.Duration
	// left is the time until the next change.
	left time.Duration
}

// attemptAt finds the attempt that stands after a time, each attempt lasting as long as given.
// With free, the first failure is followed by no pause, as the kubelet does with crashes.
func attemptAt(after, lasting time.Duration, free bool, d delays) attempt {
	pause := d.backoff
	began := time.Duration(0)
	for number := 0; ; number++ {
		ended := began + lasting
		this := pause
		if number == 0 && free {
			this = 0
		} else {
			pause = min(pause*2, d.maxBackoff)
		}
		next := ended + this
		if after < ended {
			return attempt{number, began, ended, false, this, ended - after}
		}
		if after < next {
			return attempt{number, began, ended, true, this, next - after}
		}
		began = next
	}
}

// view is what a container's state depends on.
type view struct {
	pod       *corev1.Pod
	container *corev1.Container
	// policy is the pod's restart policy, or Always for a sidecar.
	policy corev1.RestartPolicy
	// started is when containers may start, now is not before it.
	started, now time.Time
	delays       delays
}

// containerStatus is the container's status and the time until it changes.
func (v view) containerStatus() (corev1.ContainerStatus, time.Duration) {
	age := v.now.Sub(v.started)
	ends := v.policy != corev1.RestartPolicyAlways
	switch behaviourOf(v.container.Image) {
	case pullFails:
		return v.pullFailed(age)
	case crashes:
		return v.crashed(age, "Error", 1)
	case outOfMemory:
		return v.crashed(age, "OOMKilled", 137)
	case never:
		return v.running(v.started, false, 0), forever
	case slow:
		if age < v.delays.slow {
			return v.running(v.started, false, 0), v.delays.slow - age
		}
		if ends {
			return v.terminated(attempt{ended: v.delays.slow}, "Completed", 0), forever
		}
	default:
		if ends && age < v.delays.job {
			return v.running(v.started, true, 0), v.delays.job - age
		}
		if ends {
			return v.terminated(attempt{ended: v.delays.job}, "Completed", 0), forever
		}
	}
	return v.running(v.started, true, 0), forever
}

func (v view) pullFailed(age time.Duration) (corev1.ContainerStatus, time.Duration) {
	image := v.container.Image
	cause := fmt.Sprintf("rpc error: code = NotFound desc = failed to pull and unpack image %q: %s: not found", image, image)
	a := attemptAt(age, pullErrorShown, false, v.delays)
	if a.backingOff {
		return v.waiting("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", image, cause)), a.left
	}
	return v.waiting("ErrImagePull", cause), a.left
}

// crashed is a container that dies before it is ready, and for good where the policy says so.
func (v view) crashed(age time.Duration, reason string, code int32) (corev1.ContainerStatus, time.Duration) {
	if v.policy == corev1.RestartPolicyNever {
		if age < v.delays.crash {
			return v.running(v.started, false, 0), v.delays.crash - age
		}
		return v.terminated(attempt{ended: v.delays.crash}, reason, code), forever
	}
	a := attemptAt(age, v.delays.crash, true, v.delays)
	if !a.backingOff {
		status := v.running(v.started.Add(a.began), false, a.number)
		if a.number > 0 {
			previous := attemptAt(a.began-1, v.delays.crash, true, v.delays)
			status.LastTerminationState = v.terminated(previous, reason, code).State
		}
		return status, a.left
	}
	status := v.waiting("CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
		a.backoff, v.container.Name, v.pod.Name, v.pod.Namespace, v.pod.UID))
	status.RestartCount = int32(a.number)
	status.ImageID, status.ContainerID = v.ids(a.number)
	status.LastTerminationState = v.terminated(a, reason, code).State
	return status, a.left
}

func (v view) waiting(reason, message string) corev1.ContainerStatus {
	started := false
	return corev1.ContainerStatus{
		Name: v.container.Name, Image: v.container.Image, Started: &started,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}
}

func (v view) running(since time.Time, ready bool, restarts int) corev1.ContainerStatus {
	started := ready || v.container.StartupProbe == nil
	image, id := v.ids(restarts)
	return corev1.ContainerStatus{
		Name: v.container.Name, Image: v.container.Image, ImageID: image, ContainerID: id,
		Ready: ready, Started: &started, RestartCount: int32(restarts),
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(since)}},
	}
}

func (v view) terminated(a attempt, reason string, code int32) corev1.ContainerStatus {
	started := false
	image, id := v.ids(a.number)
	return corev1.ContainerStatus{
		Name: v.container.Name, Image: v.container.Image, ImageID: image, ContainerID: id, Started: &started,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: reason, ExitCode: code, ContainerID: id,
			StartedAt:  metav1.NewTime(v.started.Add(a.began)),
			FinishedAt: metav1.NewTime(v.started.Add(a.ended)),
		}},
	}
}

func (v view) ids(restarts int) (image, id string) {
	return "simulated://" + v.container.Image, fmt.Sprintf("simulated://%s/%s/%d", v.pod.UID, v.container.Name, restarts)
}
