package kubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// moment is everything beside the pod itself that its status depends on.
type moment struct {
	// seen is when the pod was first seen on its node.
	seen time.Time
	// configured is when everything that it refers to was there, zero while something is missing.
	configured time.Time
	missing    missing
	now        time.Time
	address    string
	delays     delays
}

// podStatus is the status that a kubelet would report, and the time until it changes by itself.
func podStatus(pod *corev1.Pod, m moment) (corev1.PodStatus, time.Duration) {
	started := m.seen.Add(m.delays.start)
	if m.configured.After(started) {
		started = m.configured
	}
	seen := metav1.NewTime(m.seen)
	status := corev1.PodStatus{
		ObservedGeneration: pod.Generation,
		StartTime:          &seen,
		HostIP:             nodeAddress(pod.Spec.NodeName),
		HostIPs:            []corev1.HostIP{{IP: nodeAddress(pod.Spec.NodeName)}},
		QOSClass:           pod.Status.QOSClass,
	}
	var next time.Duration
	var initialized bool
	switch {
	case m.now.Before(started):
		creating(pod, &status, missing{})
		initialized, next = len(pod.Spec.InitContainers) == 0, started.Sub(m.now)
	case m.configured.IsZero():
		creating(pod, &status, m.missing)
		initialized, next = len(pod.Spec.InitContainers) == 0, missingCheckedEvery
	default:
		status.PodIP = m.address
		status.PodIPs = []corev1.PodIP{{IP: m.address}}
		initialized, next = alive(pod, &status, started, m)
	}
	status.Phase = phase(pod, &status, initialized)
	status.Conditions = conditions(pod, &status, initialized, metav1.NewTime(m.now))
	return status, next
}

// creating fills in containers that don't exist yet.
func creating(pod *corev1.Pod, status *corev1.PodStatus, lacking missing) {
	reason := "ContainerCreating"
	if len(pod.Spec.InitContainers) > 0 {
		reason = "PodInitializing"
	}
	waiting := func(containers []corev1.Container) (statuses []corev1.ContainerStatus) {
		for i := range containers {
			v := view{pod: pod, container: &containers[i]}
			if message, ok := lacking.containers[containers[i].Name]; ok && !lacking.volumes {
				statuses = append(statuses, v.waiting("CreateContainerConfigError", message))
			} else {
				statuses = append(statuses, v.waiting(reason, ""))
			}
		}
		return statuses
	}
	status.InitContainerStatuses = waiting(pod.Spec.InitContainers)
	status.ContainerStatuses = waiting(pod.Spec.Containers)
}

// alive fills in containers that exist: the init containers one after the other, then all others.
func alive(pod *corev1.Pod, status *corev1.PodStatus, started time.Time, m moment) (initialized bool, next time.Duration) {
	next = forever
	status.InitContainerStatuses = nil
	for i := range pod.Spec.InitContainers {
		container := &pod.Spec.InitContainers[i]
		v := view{pod, container, corev1.RestartPolicyAlways, started, m.now, m.delays}
		if !isSidecar(container) {
			v = v.asInit()
		}
		one, until := v.containerStatus()
		next = min(next, until)
		one.Ready = one.Ready || one.State.Terminated != nil && one.State.Terminated.ExitCode == 0
		status.InitContainerStatuses = append(status.InitContainerStatuses, one)
		if done := one.State.Terminated; !isSidecar(container) && (done == nil || done.ExitCode != 0) {
			rest := corev1.PodStatus{}
			creating(pod, &rest, missing{})
			status.InitContainerStatuses = append(status.InitContainerStatuses, rest.InitContainerStatuses[i+1:]...)
			status.ContainerStatuses = rest.ContainerStatuses
			return false, next
		}
		if ended := one.State.Terminated; ended != nil {
			started = ended.FinishedAt.Time
		}
	}
	for i := range pod.Spec.Containers {
		one, until := view{pod, &pod.Spec.Containers[i], pod.Spec.RestartPolicy, started, m.now, m.delays}.containerStatus()
		next = min(next, until)
		status.ContainerStatuses = append(status.ContainerStatuses, one)
	}
	return true, next
}

// asInit views a container that has to end before others start: at once, if it doesn't fail.
func (v view) asInit() view {
	v.policy = v.pod.Spec.RestartPolicy
	if v.policy == corev1.RestartPolicyAlways {
		v.policy = corev1.RestartPolicyOnFailure
	}
	v.delays.job = 0
	return v
}

// phase follows the kubelet's getPhase.
func phase(pod *corev1.Pod, status *corev1.PodStatus, initialized bool) corev1.PodPhase {
	policy := pod.Spec.RestartPolicy
	if !initialized {
		for _, one := range status.InitContainerStatuses {
			if end := one.State.Terminated; end != nil && end.ExitCode != 0 && policy == corev1.RestartPolicyNever {
				return corev1.PodFailed
			}
		}
		return corev1.PodPending
	}
	var running, waiting, succeeded, failed int
	for _, one := range status.ContainerStatuses {
		switch {
		case one.State.Running != nil:
			running++
		case one.State.Terminated != nil && one.State.Terminated.ExitCode == 0:
			succeeded++
		case one.State.Terminated != nil || one.LastTerminationState.Terminated != nil:
			failed++
		default:
			waiting++
		}
	}
	switch {
	case waiting > 0:
		return corev1.PodPending
	case running > 0 || policy == corev1.RestartPolicyAlways:
		return corev1.PodRunning
	case failed == 0:
		return corev1.PodSucceeded
	case policy == corev1.RestartPolicyNever:
		return corev1.PodFailed
	}
	return corev1.PodRunning
}

func conditions(pod *corev1.Pod, status *corev1.PodStatus, initialized bool, now metav1.Time) []corev1.PodCondition {
	var unready []string
	for _, one := range append(sidecars(pod, status), status.ContainerStatuses...) {
		if !one.Ready {
			unready = append(unready, one.Name)
		}
	}
	reason, message := "", ""
	if ended := status.Phase == corev1.PodSucceeded || status.Phase == corev1.PodFailed; ended {
		reason, unready = "PodCompleted", []string{""}
		if status.Phase == corev1.PodFailed {
			reason = "PodFailed"
		}
	} else if len(unready) > 0 {
		reason, message = "ContainersNotReady", fmt.Sprintf("containers with unready status: %v", unready)
	}
	podReason, podMessage := reason, message
	gated := len(unready) == 0 && !gatesOpen(pod)
	if gated {
		podReason, podMessage = "ReadinessGatesNotReady", "a readiness gate's condition is not true"
	}
	uninitialized := ""
	if !initialized {
		uninitialized = "ContainersNotInitialized"
	}
	wanted := []corev1.PodCondition{
		{Type: corev1.PodReadyToStartContainers, Status: truth(status.PodIP != "")},
		{Type: corev1.PodInitialized, Status: truth(initialized), Reason: uninitialized},
		{Type: corev1.PodReady, Status: truth(len(unready) == 0 && !gated), Reason: podReason, Message: podMessage},
		{Type: corev1.ContainersReady, Status: truth(len(unready) == 0), Reason: reason, Message: message},
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
	}
	for i := range wanted {
		wanted[i].ObservedGeneration = pod.Generation
		wanted[i].LastTransitionTime = now
		for _, old := range pod.Status.Conditions {
			if old.Type == wanted[i].Type && old.Status == wanted[i].Status {
				wanted[i].LastTransitionTime = old.LastTransitionTime
			}
		}
	}
	return wanted
}

func sidecars(pod *corev1.Pod, status *corev1.PodStatus) (found []corev1.ContainerStatus) {
	for i := range pod.Spec.InitContainers {
		if isSidecar(&pod.Spec.InitContainers[i]) {
			found = append(found, status.InitContainerStatuses[i])
		}
	}
	return found
}

func gatesOpen(pod *corev1.Pod) bool {
	open := 0
	for _, gate := range pod.Spec.ReadinessGates {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == gate.ConditionType && condition.Status == corev1.ConditionTrue {
				open++
			}
		}
	}
	return open == len(pod.Spec.ReadinessGates)
}

func truth(is bool) corev1.ConditionStatus {
	if is {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}
