//! Services' surroundings: ingresses, policies, endpoint slices and the Gateway API.
//!
//! Types marked `^` belong to custom resources, whose empty values are kept as they were written.

pub(super) const TEXT: &str = r#"
Ingress networking.k8s.io/v1 Ingress
  spec IngressSpec
  status any ={"loadBalancer": {}}
IngressSpec
  defaultBackend IngressBackend
  ingressClassName str
  rules [IngressRule]
  tls [IngressTLS]
IngressTLS
  hosts [str]
  secretName str
IngressRule
  host str
  http IngressHTTP
IngressHTTP
  paths! [IngressPath]
IngressPath
  backend! IngressBackend
  path str
  pathType! str(Exact|Prefix|ImplementationSpecific)
IngressBackend
  resource any@
  service IngressService
IngressService
  name! str
  port IngressPort
IngressPort@
  name str
  number int0
NetworkPolicy networking.k8s.io/v1 NetworkPolicy
  spec NetworkPolicySpec
NetworkPolicySpec
  egress [NetworkPolicyEgress]
  ingress [NetworkPolicyIngress]
  podSelector LabelSelector ={}
  policyTypes [str]
NetworkPolicyEgress
  ports [NetworkPolicyPort]
  to [NetworkPolicyPeer]
NetworkPolicyIngress
  from [NetworkPolicyPeer]
  ports [NetworkPolicyPort]
NetworkPolicyPort
  endPort int
  port ios
  protocol str(TCP|UDP|SCTP) =TCP
NetworkPolicyPeer
  ipBlock IPBlock
  namespaceSelector LabelSelector
  podSelector LabelSelector
IPBlock
  cidr! str
  except [str]
IngressClass networking.k8s.io/v1 IngressClass
  spec IngressClassSpec
IngressClassSpec
  controller str
  parameters any
EndpointSlice discovery.k8s.io/v1 EndpointSlice
  addressType! str
  endpoints [any]
  ports [any]
GatewayClass^ gateway.networking.k8s.io/v1 GatewayClass
  spec! GatewayClassSpec
  status any
GatewayClassSpec^
  controllerName! str
  description str
  parametersRef any
Gateway^ gateway.networking.k8s.io/v1 Gateway
  spec! GatewaySpec
  status GatewayStatus
GatewaySpec^
  addresses [any]
  allowedListeners any
  backendTLS any
  defaultScope str
  gatewayClassName! str
  infrastructure any
  listeners! [Listener]name
  tls any
Listener^
  allowedRoutes AllowedRoutes ={"namespaces": {"from": "Same"}}
  hostname str
  name! str
  port! int
  protocol! str
  tls any
AllowedRoutes^
  kinds [any]
  namespaces RouteNamespaces ={"from": "Same"}
RouteNamespaces^
  from str =Same
  selector LabelSelector
GatewayStatus^
  addresses [any]
  attachedListenerSets int
  conditions [any]type
  listeners [any]name
HTTPRoute^ gateway.networking.k8s.io/v1 HTTPRoute
  spec! HTTPRouteSpec
  status RouteStatus
HTTPRouteSpec^
  hostnames [str]
  parentRefs [ParentReference]
  rules [HTTPRouteRule] =[{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]
  useDefaultGateways str
ParentReference^
  group str =gateway.networking.k8s.io
  kind str =Gateway
  name! str
  namespace str
  port int
  sectionName str
HTTPRouteRule^
  backendRefs [HTTPBackendRef]
  filters [HTTPRouteFilter]
  matches [HTTPRouteMatch] =[{"path": {"type": "PathPrefix", "value": "/"}}]
  name str
  retry any
  sessionPersistence any
  timeouts HTTPRouteTimeouts
HTTPRouteTimeouts^
  backendRequest str
  request str
HTTPRouteMatch^
  headers [HTTPMatch]name
  method str
  path HTTPPathMatch ={"type": "PathPrefix", "value": "/"}
  queryParams [HTTPMatch]name
HTTPPathMatch^
  type str(Exact|PathPrefix|RegularExpression) =PathPrefix
  value str =/
HTTPMatch^
  name! str
  type str(Exact|RegularExpression) =Exact
  value! str
HTTPRouteFilter^
  cors any
  extensionRef any
  externalAuth any
  requestHeaderModifier HTTPHeaderFilter
  requestMirror HTTPRequestMirror
  requestRedirect HTTPRequestRedirect
  responseHeaderModifier HTTPHeaderFilter
  type! str
  urlRewrite any
HTTPHeaderFilter^
  add [HTTPHeader]name
  remove [str]=
  set [HTTPHeader]name
HTTPRequestMirror^
  backendRef! BackendReference
  fraction any
  percent int
HTTPRequestRedirect^
  hostname str
  path any
  port int
  scheme str
  statusCode int =302
BackendReference^
  group str =
  kind str =Service
  name! str
  namespace str
  port int
HTTPBackendRef^
  filters [HTTPRouteFilter]
  group str =
  kind str =Service
  name! str
  namespace str
  port int
  weight int =1
RouteStatus^
  parents! [any]
"#;
