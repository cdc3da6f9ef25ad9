package kubelet

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// behaviour is what a container does once its pod has a node.
type behaviour int

const (
	// runs: ready at once; in a pod that ends, ends well.
	runs behaviour = iota
	// pullFails: the image can't be had. Tag: bad.
	pullFails
	// crashes: exits 1 before it is ready, again and again. Tags: crash; fail, as jobs say.
	crashes
	// outOfMemory: the same, killed for its use of memory. Tag: oom.
	outOfMemory
	// slow: runs at once and is ready (or ends) late. Tag: slow.
	slow
	// never: runs and is never ready and never ends. Tag: never.
	never
	// stubborn: runs, and when told to end takes its whole grace period. Tag: stubborn.
	stubborn
)

var behaviourOfWord = []struct {
	word      string
	behaviour behaviour
}{
	{"bad", pullFails},
	{"crash", crashes},
	{"fail", crashes},
	{"oom", outOfMemory},
	{"slow", slow},
	{"never", never},
	{"stubborn", stubborn},
}

// behaviourOf reads the behaviour from an image's tag, which need only contain the word.
func behaviourOf(image string) behaviour {
	tag := tagOf(image)
	for _, known := range behaviourOfWord {
		if strings.Contains(tag, known.word) {
			return known.behaviour
		}
	}
	return runs
}

func tagOf(image string) string {
	name, _, _ := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], "@")
	_, tag, _ := strings.Cut(name, ":")
	return tag
}

func isSidecar(container *corev1.Container) bool {
	return container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
