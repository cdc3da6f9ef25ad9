//! Rights, budgets, autoscaling, storage classes and the rest.

pub(super) const TEXT: &str = r#"
Role rbac.authorization.k8s.io/v1 Role
  rules+ [PolicyRule]
ClusterRole rbac.authorization.k8s.io/v1 ClusterRole
  aggregationRule AggregationRule
  rules+ [PolicyRule]
AggregationRule
  clusterRoleSelectors [LabelSelector]
PolicyRule
  apiGroups [str]
  nonResourceURLs [str]
  resourceNames [str]
  resources [str]
  verbs! [str]
RoleBinding rbac.authorization.k8s.io/v1 RoleBinding
  roleRef! RoleRef
  subjects [Subject]
ClusterRoleBinding rbac.authorization.k8s.io/v1 ClusterRoleBinding
  roleRef! RoleRef
  subjects [Subject]
RoleRef@
  apiGroup str =rbac.authorization.k8s.io
  kind! str
  name! str
Subject@
  apiGroup str
  kind! str
  name! str
  namespace str
PodDisruptionBudget policy/v1 PodDisruptionBudget
  spec PodDisruptionBudgetSpec
  status PodDisruptionBudgetStatus
PodDisruptionBudgetSpec
  maxUnavailable ios
  minAvailable ios
  selector LabelSelector
  unhealthyPodEvictionPolicy str
PodDisruptionBudgetStatus
  conditions [any]type
  currentHealthy int
  desiredHealthy int
  disruptedPods {any}
  disruptionsAllowed int
  expectedPods int
  observedGeneration int0
HorizontalPodAutoscaler autoscaling/v2 HorizontalPodAutoscaler
  spec HorizontalPodAutoscalerSpec
  status HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerSpec
  behavior ScalingBehavior
  maxReplicas! int
  metrics [MetricSpec]
  minReplicas int =1
  scaleTargetRef! ScaleTargetReference
ScaleTargetReference
  apiVersion str
  kind! str
  name! str
ScalingBehavior
  scaleDown ScalingRules ={}
  scaleUp ScalingRules ={}
ScalingRules
  policies [ScalingPolicy]
  selectPolicy str =Max
  stabilizationWindowSeconds int
  tolerance qty
ScalingPolicy
  periodSeconds! int
  type! str
  value! int
MetricSpec
  containerResource ContainerResourceMetric
  external any
  object any
  pods any
  resource ResourceMetric
  type! str
ContainerResourceMetric
  container! str
  name! str
  target! MetricTarget
ResourceMetric
  name! str
  target! MetricTarget
MetricTarget
  averageUtilization int
  averageValue qty
  type! str
  value qty
HorizontalPodAutoscalerStatus
  conditions [any]type
  currentMetrics [any]
  currentReplicas int
  desiredReplicas int
  lastScaleTime str
  observedGeneration int
StorageClass storage.k8s.io/v1 StorageClass
  allowVolumeExpansion bool
  allowedTopologies [any]
  mountOptions [str]
  parameters {str}
  provisioner! str
  reclaimPolicy str(Delete|Recycle|Retain) =Delete
  volumeBindingMode str(Immediate|WaitForFirstConsumer) =Immediate
Lease coordination.k8s.io/v1 Lease
  spec any
HorizontalPodAutoscalerV1 autoscaling/v1 HorizontalPodAutoscaler
  spec HorizontalPodAutoscalerV1Spec
  status any
HorizontalPodAutoscalerV1Spec
  maxReplicas! int
  minReplicas int =1
  scaleTargetRef! ScaleTargetReference
  targetCPUUtilizationPercentage int
CustomResourceDefinition apiextensions.k8s.io/v1 CustomResourceDefinition
  spec! any
  status any
EventsEvent events.k8s.io/v1 Event
  action str
  deprecatedCount int0
  deprecatedFirstTimestamp any
  deprecatedLastTimestamp any
  deprecatedSource any
  eventTime any
  note str
  reason str
  regarding ObjectReference
  related ObjectReference
  reportingController str
  reportingInstance str
  series any
  type str
PriorityClass scheduling.k8s.io/v1 PriorityClass
  description str
  globalDefault bool0
  preemptionPolicy str =PreemptLowerPriority
  value int0
Scale autoscaling/v1 Scale
  spec ScaleSpec
  status any
ScaleSpec
  replicas int0
"#;
