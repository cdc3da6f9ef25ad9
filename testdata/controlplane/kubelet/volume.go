package kubelet

import (
	"context"
	"log"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

const (
	// provisioner is the name that the default storage class gives for us.
	provisioner = "simulated.sluice.test"
	className   = "standard"
	// Annotations that the controller manager and provisioners speak with.
	wantsProvisioner = "volume.kubernetes.io/storage-provisioner"
	provisionedBy    = "pv.kubernetes.io/provisioned-by"
)

// watchVolumes is the provisioner of the cluster's default storage class: it makes a volume for
// each claim, which the controller manager then binds, and removes volumes whose claims are gone.
func watchVolumes(ctx context.Context, client kubernetes.Interface, factory informers.SharedInformerFactory) {
	if err := makeClass(ctx, client); err != nil {
		log.Fatalf("storage class: %v", err)
	}
	watch(factory.Core().V1().PersistentVolumeClaims().Informer(), func(object any) {
		claim, ok := object.(*corev1.PersistentVolumeClaim)
		if !ok || claim.DeletionTimestamp != nil || claim.Spec.VolumeName != "" || claim.Annotations[wantsProvisioner] != provisioner {
			return
		}
		_, err := client.CoreV1().PersistentVolumes().Create(ctx, volumeFor(claim), metav1.CreateOptions{})
		if err != nil && !errors.IsAlreadyExists(err) {
			log.Printf("volume of claim %s/%s: %v", claim.Namespace, claim.Name, err)
		}
	})
	watch(factory.Core().V1().PersistentVolumes().Informer(), func(object any) {
		volume, ok := object.(*corev1.PersistentVolume)
		if !ok || volume.DeletionTimestamp != nil || volume.Annotations[provisionedBy] != provisioner ||
			volume.Status.Phase != corev1.VolumeReleased ||
			volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
			return
		}
		err := client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
		if err != nil && !errors.IsNotFound(err) {
			log.Printf("volume %s: %v", volume.Name, err)
		}
	})
}

func makeClass(ctx context.Context, client kubernetes.Interface) error {
	reclaim, binding, expand := corev1.PersistentVolumeReclaimDelete, storagev1.VolumeBindingImmediate, true
	_, err := client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        className,
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner:          provisioner,
		ReclaimPolicy:        &reclaim,
		VolumeBindingMode:    &binding,
		AllowVolumeExpansion: &expand,
	}, metav1.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func volumeFor(claim *corev1.PersistentVolumeClaim) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "pvc-" + string(claim.UID),
			Annotations: map[string]string{provisionedBy: provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      claim.Spec.Resources.Requests,
			StorageClassName:              *claim.Spec.StorageClassName,
			VolumeMode:                    claim.Spec.VolumeMode,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/nowhere/" + string(claim.UID)},
			},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
		},
	}
}
