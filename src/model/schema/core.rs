//! Metadata, and the kinds of the core group but pods.

pub(super) const TEXT: &str = r#"
ObjectMeta
  annotations {str}
  creationTimestamp str
  deletionGracePeriodSeconds int
  deletionTimestamp str
  finalizers [str]=
  generateName str
  generation int0
  labels {str}
  managedFields [any]
  name str
  namespace str
  ownerReferences [OwnerReference]uid
  resourceVersion str
  selfLink str
  uid str
OwnerReference@
  apiVersion! str
  blockOwnerDeletion bool
  controller bool
  kind! str
  name! str
  uid! str
LabelSelector@
  matchExpressions [Requirement]
  matchLabels {str}
Requirement
  key! str
  operator! str
  values [str]
LocalObjectReference@
  name str
ObjectReference@
  apiVersion str
  fieldPath str
  kind str
  name str
  namespace str
  resourceVersion str
  uid str
Namespace v1 Namespace
  spec NamespaceSpec ={}
  status any
NamespaceSpec
  finalizers [str]
Node v1 Node
  spec NodeSpec ={}
  status NodeStatus
NodeSpec
  configSource any
  externalID str
  podCIDR str
  podCIDRs [str]=
  providerID str
  taints [Taint]
  unschedulable bool0
Taint
  effect! str
  key! str
  timeAdded str
  value str
NodeStatus
  addresses [any]type
  allocatable {qty}
  capacity {qty}
  conditions [any]type
  config any
  daemonEndpoints any
  declaredFeatures [str]
  features any
  images [any]
  nodeInfo any
  phase str
  runtimeHandlers [any]
  volumesAttached [any]
  volumesInUse [str]
Service v1 Service
  spec! ServiceSpec
  status any ={"loadBalancer": {}}
ServiceSpec
  allocateLoadBalancerNodePorts bool
  clusterIP str
  clusterIPs [str]
  externalIPs [str]
  externalName str
  externalTrafficPolicy str(Cluster|Local)
  healthCheckNodePort int0
  internalTrafficPolicy str(Cluster|Local)
  ipFamilies [str]
  ipFamilyPolicy str(SingleStack|PreferDualStack|RequireDualStack)
  loadBalancerClass str
  loadBalancerIP str
  loadBalancerSourceRanges [str]
  ports [ServicePort]port,protocol:TCP
  publishNotReadyAddresses bool0
  selector {str}@
  sessionAffinity str(ClientIP|None) =None
  sessionAffinityConfig any
  trafficDistribution str
  type str(ClusterIP|NodePort|LoadBalancer|ExternalName) =ClusterIP
ServicePort
  appProtocol str
  name str
  nodePort int0
  port! int
  protocol str(TCP|UDP|SCTP) =TCP
  targetPort ios
Endpoints v1 Endpoints
  subsets [any]
ConfigMap v1 ConfigMap
  binaryData {str}
  data {str}
  immutable bool
Secret v1 Secret
  data {str}
  immutable bool
  stringData {str}
  type str =Opaque
ServiceAccount v1 ServiceAccount
  automountServiceAccountToken bool
  imagePullSecrets [LocalObjectReference]
  secrets [ObjectReference]name
PersistentVolumeClaim v1 PersistentVolumeClaim
  spec PersistentVolumeClaimSpec
  status any
PersistentVolumeClaimSpec
  accessModes [str]
  dataSource any@
  dataSourceRef any
  resources ResourceRequirements ={}
  selector LabelSelector
  storageClassName str+
  volumeAttributesClassName str
  volumeMode str(Block|Filesystem) =Filesystem
  volumeName str
PersistentVolume v1 PersistentVolume
  spec any
  status any
ResourceQuota v1 ResourceQuota
  spec ResourceQuotaSpec
  status ResourceQuotaStatus
ResourceQuotaSpec
  hard {qty}
  scopeSelector any@
  scopes [str]
ResourceQuotaStatus
  hard {qty}
  used {qty}
LimitRange v1 LimitRange
  spec LimitRangeSpec
LimitRangeSpec
  limits! [LimitRangeItem]
LimitRangeItem
  default {qty}
  defaultRequest {qty}
  max {qty}
  maxLimitRequestRatio {qty}
  min {qty}
  type! str
Event v1 Event
  action str
  count int0
  eventTime any
  firstTimestamp any
  involvedObject! ObjectReference
  lastTimestamp any
  message str
  reason str
  related ObjectReference
  reportingComponent str+
  reportingInstance str+
  series any
  source any
  type str
"#;
