package kubelet

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// missingCheckedEvery is how often a pod's missing ConfigMaps and Secrets are looked for again.
const missingCheckedEvery = time.Second

// missing is what keeps a pod's containers from being made.
type missing struct {
	// volumes: a volume can't be mounted, so no container is even tried.
	volumes bool
	// containers: by name, what the container's environment refers to in vain.
	containers map[string]string
}

func (m missing) none() bool { return !m.volumes && len(m.containers) == 0 }

// reference is a ConfigMap or Secret, and a key in it where one is named.
type reference struct{ kind, name, key string }

// findMissing looks up everything that the pod refers to and that it can't do without.
func findMissing(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) (missing, error) {
	found := missing{containers: map[string]string{}}
	for _, volume := range pod.Spec.Volumes {
		for _, wanted := range volumeReferences(&volume) {
			lacks, err := lacking(ctx, client, pod.Namespace, wanted)
			if err != nil {
				return found, err
			}
			found.volumes = found.volumes || lacks != ""
		}
	}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			for _, wanted := range environmentReferences(&containers[i]) {
				lacks, err := lacking(ctx, client, pod.Namespace, wanted)
				if err != nil {
					return found, err
				}
				if lacks != "" {
					found.containers[containers[i].Name] = lacks
				}
			}
		}
	}
	return found, nil
}

// lacking says in the kubelet's words what is not there, or nothing.
func lacking(ctx context.Context, client kubernetes.Interface, namespace string, wanted reference) (string, error) {
	keys := map[string]bool{}
	var err error
	if wanted.kind == "secret" {
		var secret *corev1.Secret
		if secret, err = client.CoreV1().Secrets(namespace).Get(ctx, wanted.name, metav1.GetOptions{}); err == nil {
			for key := range secret.Data {
				keys[key] = true
			}
		}
	} else {
		var config *corev1.ConfigMap
		if config, err = client.CoreV1().ConfigMaps(namespace).Get(ctx, wanted.name, metav1.GetOptions{}); err == nil {
			for key := range config.Data {
				keys[key] = true
			}
		}
	}
	switch {
	case errors.IsNotFound(err):
		return fmt.Sprintf("%s %q not found", wanted.kind, wanted.name), nil
	case err != nil:
		return "", err
	case wanted.key != "" && !keys[wanted.key]:
		return fmt.Sprintf("couldn't find key %s in %s %s/%s", wanted.key, wanted.kind, namespace, wanted.name), nil
	}
	return "", nil
}

func volumeReferences(volume *corev1.Volume) (found []reference) {
	if source := volume.ConfigMap; source != nil && !yes(source.Optional) {
		found = append(found, reference{"configmap", source.Name, ""})
	}
	if source := volume.Secret; source != nil && !yes(source.Optional) {
		found = append(found, reference{"secret", source.SecretName, ""})
	}
	if volume.Projected != nil {
		for _, source := range volume.Projected.Sources {
			// The certificate of every namespace comes a moment after the namespace.
			if config := source.ConfigMap; config != nil && !yes(config.Optional) {
				found = append(found, reference{"configmap", config.Name, ""})
			}
			if secret := source.Secret; secret != nil && !yes(secret.Optional) {
				found = append(found, reference{"secret", secret.Name, ""})
			}
		}
	}
	return found
}

func environmentReferences(container *corev1.Container) (found []reference) {
	for _, from := range container.EnvFrom {
		if source := from.ConfigMapRef; source != nil && !yes(source.Optional) {
			found = append(found, reference{"configmap", source.Name, ""})
		}
		if source := from.SecretRef; source != nil && !yes(source.Optional) {
			found = append(found, reference{"secret", source.Name, ""})
		}
	}
	for _, variable := range container.Env {
		if variable.ValueFrom == nil {
			continue
		}
		if source := variable.ValueFrom.ConfigMapKeyRef; source != nil && !yes(source.Optional) {
			found = append(found, reference{"configmap", source.Name, source.Key})
		}
		if source := variable.ValueFrom.SecretKeyRef; source != nil && !yes(source.Optional) {
			found = append(found, reference{"secret", source.Name, source.Key})
		}
	}
	return found
}

func yes(flag *bool) bool { return flag != nil && *flag }
