//! Pods and the workloads that make them.

pub(super) const TEXT: &str = r#"
Pod v1 Pod
  spec! PodSpec
  status any
PodTemplateSpec
  metadata ObjectMeta
  spec PodSpec
PodSpec
  activeDeadlineSeconds int
  affinity Affinity
  automountServiceAccountToken bool
  containers! [Container]name
  dnsConfig PodDNSConfig
  dnsPolicy str(ClusterFirstWithHostNet|ClusterFirst|Default|None) =ClusterFirst
  enableServiceLinks bool
  ephemeralContainers [Container]name
  hostAliases [HostAlias]ip
  hostIPC bool0
  hostNetwork bool0
  hostPID bool0
  hostUsers bool
  hostname str
  hostnameOverride str
  imagePullSecrets [LocalObjectReference]name
  initContainers [Container]name
  nodeName str
  nodeSelector {str}@
  os PodOS
  overhead {qty}
  preemptionPolicy str(PreemptLowerPriority|Never)
  priority int
  priorityClassName str
  readinessGates [PodReadinessGate]
  resourceClaims [any]name
  resources ResourceRequirements
  restartPolicy str(Always|OnFailure|Never) =Always
  runtimeClassName str
  schedulerName str =default-scheduler
  schedulingGroup any
  schedulingGates [PodSchedulingGate]name
  securityContext PodSecurityContext ={}
  serviceAccount str
  serviceAccountName str
  setHostnameAsFQDN bool
  shareProcessNamespace bool
  subdomain str
  terminationGracePeriodSeconds int =30
  tolerations [Toleration]
  topologySpreadConstraints [TopologySpreadConstraint]topologyKey,whenUnsatisfiable
  volumes [Volume]name
PodOS
  name! str
PodReadinessGate
  conditionType! str
PodSchedulingGate
  name! str
HostAlias
  hostnames [str]
  ip! str
PodDNSConfig
  nameservers [str]
  options [DNSOption]
  searches [str]
DNSOption
  name str
  value str
Container
  args [str]
  command [str]
  env [EnvVar]name
  envFrom [EnvFromSource]
  image str
  imagePullPolicy str(Always|IfNotPresent|Never)
  lifecycle Lifecycle
  livenessProbe Probe
  name! str
  ports [ContainerPort]containerPort,protocol:TCP
  readinessProbe Probe
  resizePolicy [any]
  resources ResourceRequirements ={}
  restartPolicy str
  restartPolicyRules [any]
  securityContext SecurityContext
  startupProbe Probe
  stdin bool0
  stdinOnce bool0
  targetContainerName str
  terminationMessagePath str =/dev/termination-log
  terminationMessagePolicy str(File|FallbackToLogsOnError) =File
  tty bool0
  volumeDevices [VolumeDevice]devicePath
  volumeMounts [VolumeMount]mountPath
  workingDir str
ContainerPort
  containerPort! int
  hostIP str
  hostPort int0
  name str
  protocol str(TCP|UDP|SCTP) =TCP
EnvVar
  name! str
  value str
  valueFrom EnvVarSource
EnvVarSource
  configMapKeyRef KeySelector
  fieldRef ObjectFieldSelector
  fileKeyRef any
  resourceFieldRef ResourceFieldSelector
  secretKeyRef KeySelector
KeySelector@
  key! str
  name str
  optional bool
ObjectFieldSelector@
  apiVersion str =v1
  fieldPath! str
ResourceFieldSelector@
  containerName str
  divisor qty
  resource! str
EnvFromSource
  configMapRef OptionalReference
  prefix str
  secretRef OptionalReference
OptionalReference
  name str
  optional bool
Lifecycle
  postStart LifecycleHandler
  preStop LifecycleHandler
  stopSignal str
LifecycleHandler
  exec ExecAction
  httpGet HTTPGetAction
  sleep SleepAction
  tcpSocket TCPSocketAction
SleepAction
  seconds! int
ExecAction
  command [str]
HTTPGetAction
  host str
  httpHeaders [HTTPHeader]
  path str =/
  port! ios
  scheme str(HTTP|HTTPS) =HTTP
HTTPHeader
  name! str
  value! str+
TCPSocketAction
  host str
  port! ios
GRPCAction
  port! int
  service str+ =
Probe
  exec ExecAction
  failureThreshold int =3
  grpc GRPCAction
  httpGet HTTPGetAction
  initialDelaySeconds int0
  periodSeconds int =10
  successThreshold int =1
  tcpSocket TCPSocketAction
  terminationGracePeriodSeconds int
  timeoutSeconds int =1
ResourceRequirements
  claims [any]name
  limits {qty}
  requests {qty}
SecurityContext
  allowPrivilegeEscalation bool
  appArmorProfile Profile
  capabilities Capabilities
  privileged bool
  procMount str
  readOnlyRootFilesystem bool
  runAsGroup int
  runAsNonRoot bool
  runAsUser int
  seLinuxOptions SELinuxOptions
  seccompProfile Profile
  windowsOptions any
Profile
  localhostProfile str
  type! str(Localhost|RuntimeDefault|Unconfined)
SELinuxOptions
  level str
  role str
  type str
  user str
Capabilities
  add [str]
  drop [str]
PodSecurityContext
  appArmorProfile Profile
  fsGroup int
  fsGroupChangePolicy str(Always|OnRootMismatch)
  runAsGroup int
  runAsNonRoot bool
  runAsUser int
  seLinuxChangePolicy str
  seLinuxOptions SELinuxOptions
  seccompProfile Profile
  supplementalGroups [int]
  supplementalGroupsPolicy str
  sysctls [NameValue]
  windowsOptions any
NameValue
  name! str
  value! str+
VolumeDevice
  devicePath! str
  name! str
VolumeMount
  mountPath! str
  mountPropagation str(None|HostToContainer|Bidirectional)
  name! str
  readOnly bool0
  recursiveReadOnly str
  subPath str
  subPathExpr str
Toleration
  effect str(NoSchedule|PreferNoSchedule|NoExecute)
  key str
  operator str(Exists|Equal|Lt|Gt)
  tolerationSeconds int
  value str
TopologySpreadConstraint
  labelSelector LabelSelector
  matchLabelKeys [str]
  maxSkew! int
  minDomains int
  nodeAffinityPolicy str
  nodeTaintsPolicy str
  topologyKey! str
  whenUnsatisfiable! str(DoNotSchedule|ScheduleAnyway)
Affinity
  nodeAffinity NodeAffinity
  podAffinity PodAffinity
  podAntiAffinity PodAffinity
NodeAffinity
  preferredDuringSchedulingIgnoredDuringExecution [PreferredSchedulingTerm]
  requiredDuringSchedulingIgnoredDuringExecution NodeSelector
PreferredSchedulingTerm
  preference! NodeSelectorTerm
  weight! int
NodeSelector@
  nodeSelectorTerms! [NodeSelectorTerm]
NodeSelectorTerm@
  matchExpressions [Requirement]
  matchFields [Requirement]
PodAffinity
  preferredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm]
  requiredDuringSchedulingIgnoredDuringExecution [PodAffinityTerm]
WeightedPodAffinityTerm
  podAffinityTerm! PodAffinityTerm
  weight! int
PodAffinityTerm
  labelSelector LabelSelector
  matchLabelKeys [str]
  mismatchLabelKeys [str]
  namespaceSelector LabelSelector
  namespaces [str]
  topologyKey! str
Volume
  awsElasticBlockStore any
  azureDisk any
  azureFile any
  cephfs any
  cinder any
  configMap ConfigMapVolumeSource
  csi any
  downwardAPI DownwardAPIVolumeSource
  emptyDir EmptyDirVolumeSource
  ephemeral EphemeralVolumeSource
  fc any
  flexVolume any
  flocker any
  gcePersistentDisk any
  gitRepo any
  glusterfs any
  hostPath HostPathVolumeSource
  image any
  iscsi any
  name! str
  nfs NFSVolumeSource
  persistentVolumeClaim ClaimVolumeSource
  photonPersistentDisk any
  portworxVolume any
  projected ProjectedVolumeSource
  quobyte any
  rbd any
  scaleIO any
  secret SecretVolumeSource
  storageos any
  vsphereVolume any
ConfigMapVolumeSource
  defaultMode int =420
  items [KeyToPath]
  name str
  optional bool
SecretVolumeSource
  defaultMode int =420
  items [KeyToPath]
  optional bool
  secretName str
KeyToPath
  key! str
  mode int
  path! str
DownwardAPIVolumeSource
  defaultMode int =420
  items [DownwardAPIVolumeFile]
DownwardAPIVolumeFile
  fieldRef ObjectFieldSelector
  mode int
  path! str
  resourceFieldRef ResourceFieldSelector
EmptyDirVolumeSource
  medium str
  sizeLimit qty
EphemeralVolumeSource
  volumeClaimTemplate ClaimTemplate
ClaimTemplate
  metadata ObjectMeta
  spec! PersistentVolumeClaimSpec
HostPathVolumeSource
  path! str
  type str+ =
NFSVolumeSource
  path! str
  readOnly bool0
  server! str
ClaimVolumeSource
  claimName! str
  readOnly bool0
ProjectedVolumeSource
  defaultMode int =420
  sources [VolumeProjection]
VolumeProjection
  clusterTrustBundle any
  configMap ConfigMapProjection
  downwardAPI DownwardAPIProjection
  podCertificate any
  secret ConfigMapProjection
  serviceAccountToken TokenProjection
ConfigMapProjection
  items [KeyToPath]
  name str
  optional bool
DownwardAPIProjection
  items [DownwardAPIVolumeFile]
TokenProjection
  audience str
  expirationSeconds int =3600
  path! str
Deployment apps/v1 Deployment
  spec! DeploymentSpec
  status DeploymentStatus
DeploymentSpec
  minReadySeconds int0
  paused bool0
  progressDeadlineSeconds int =600
  replicas int =1
  revisionHistoryLimit int =10
  selector! LabelSelector
  strategy UpdateStrategy ={}
  template! PodTemplateSpec
UpdateStrategy
  rollingUpdate RollingUpdate
  type str(Recreate|RollingUpdate|OnDelete) =RollingUpdate
RollingUpdate
  maxSurge ios
  maxUnavailable ios
  partition int
DeploymentStatus
  availableReplicas int0
  collisionCount int
  conditions [any]type
  observedGeneration int0
  readyReplicas int0
  replicas int0
  terminatingReplicas int
  unavailableReplicas int0
  updatedReplicas int0
ReplicaSet apps/v1 ReplicaSet
  spec! ReplicaSetSpec
  status ReplicaSetStatus
ReplicaSetSpec
  minReadySeconds int0
  replicas int =1
  selector! LabelSelector
  template PodTemplateSpec
ReplicaSetStatus
  availableReplicas int0
  conditions [any]type
  fullyLabeledReplicas int0
  observedGeneration int0
  readyReplicas int0
  replicas int
  terminatingReplicas int
StatefulSet apps/v1 StatefulSet
  spec! StatefulSetSpec
  status StatefulSetStatus
StatefulSetSpec
  minReadySeconds int0
  ordinals StatefulSetOrdinals
  persistentVolumeClaimRetentionPolicy RetentionPolicy ={}
  podManagementPolicy str(OrderedReady|Parallel) =OrderedReady
  replicas int =1
  revisionHistoryLimit int =10
  selector! LabelSelector
  serviceName str+ =
  template! PodTemplateSpec
  updateStrategy UpdateStrategy ={}
  volumeClaimTemplates [PersistentVolumeClaim]
StatefulSetOrdinals
  start int
RetentionPolicy
  whenDeleted str =Retain
  whenScaled str =Retain
StatefulSetStatus
  availableReplicas int
  collisionCount int
  conditions [any]type
  currentReplicas int0
  currentRevision str
  observedGeneration int0
  readyReplicas int0
  replicas int
  updateRevision str
  updatedReplicas int0
DaemonSet apps/v1 DaemonSet
  spec! DaemonSetSpec
  status any
DaemonSetSpec
  minReadySeconds int0
  revisionHistoryLimit int =10
  selector! LabelSelector
  template! PodTemplateSpec
  updateStrategy UpdateStrategy ={}
ControllerRevision apps/v1 ControllerRevision
  data any
  revision! int
Job batch/v1 Job
  spec! JobSpec
  status any
JobSpec
  activeDeadlineSeconds int
  backoffLimit int =6
  backoffLimitPerIndex int
  completionMode str(Indexed|NonIndexed) =NonIndexed
  completions int
  managedBy str
  manualSelector bool
  maxFailedIndexes int
  parallelism int
  podFailurePolicy any
  podReplacementPolicy str
  selector LabelSelector
  successPolicy any
  suspend bool =false
  template! PodTemplateSpec
  ttlSecondsAfterFinished int
CronJob batch/v1 CronJob
  spec! CronJobSpec
  status any
CronJobSpec
  concurrencyPolicy str(Allow|Forbid|Replace) =Allow
  failedJobsHistoryLimit int =1
  jobTemplate! JobTemplateSpec
  schedule! str
  startingDeadlineSeconds int
  successfulJobsHistoryLimit int =3
  suspend bool =false
  timeZone str
JobTemplateSpec
  metadata ObjectMeta
  spec JobSpec
"#;
