/** How bad a finding is: `error`: calls fail or a rule has no effect; `warning`: surely not what was meant; `info`: worth knowing. */
export type AnalysisSeverity = 'error' | 'warning' | 'info'

/** One kind of finding. */
export interface AnalysisCode {
  readonly name: string
  readonly severity: AnalysisSeverity
  /** What is wrong. */
  readonly what: string
  /** What to do. */
  readonly help: string
}

const code = (severity: AnalysisSeverity, name: string, what: string, help: string): AnalysisCode => ({ name, severity, what, help })

/**
 * Every code of the analyzer. Those that begin with `IST` mean what they mean for `istioctl analyze`
 * (https://istio.io/latest/docs/reference/config/analysis/), those with `WEFT` are our own. A code is never given another meaning.
 */
export const ANALYSIS_CODES = {
  IST0002: code('warning', 'Deprecated', 'A field of Istio is deprecated.', 'write the field that is named'),
  IST0101: code(
    'error',
    'ReferencedResourceNotFound',
    'A host, subset, gateway, Secret or delegate that is referred to does not exist.',
    'correct the name, or apply what it refers to',
  ),
  IST0106: code('error', 'SchemaValidationError', 'The resource is not valid, and is refused when it is applied.', 'correct the field'),
  IST0107: code('warning', 'MisplacedAnnotation', 'An annotation stands on a kind of resource where it means nothing.', 'move it to the kind that is named'),
  IST0108: code('warning', 'UnknownAnnotation', 'An annotation of Weft or Istio is not known, and has no effect.', 'correct its name, or remove it'),
  IST0109: code(
    'error',
    'ConflictingMeshGatewayVirtualServiceHosts',
    'Two VirtualServices of a namespace have the same host; only the older one has effect.',
    'merge them into one',
  ),
  IST0112: code(
    'warning',
    'VirtualServiceDestinationPortSelectorRequired',
    'A route goes to a Service with several ports and names none: the port that was called decides.',
    'name a port with destination.port.number',
  ),
  IST0113: code(
    'error',
    'MTLSPolicyConflict',
    'A DestinationRule and a PeerAuthentication disagree on mutual TLS, so that calls fail.',
    'give both the same mode, or remove tls from the DestinationRule',
  ),
  IST0116: code(
    'warning',
    'DeploymentAssociatedToMultipleServices',
    'Services select the same workloads with the same port and different protocols.',
    'give the port one protocol, or another number',
  ),
  IST0118: code(
    'info',
    'PortNameIsNotUnderNamingConvention',
    'The name of a port tells no protocol; HTTP is assumed.',
    'name it http, http-NAME or grpc-NAME, or set appProtocol',
  ),
  IST0119: code(
    'warning',
    'JwtFailureDueToInvalidServicePortPrefix',
    'JWTs are to be checked behind a port that does not carry HTTP, where nobody can read them.',
    'name the port http or http-NAME',
  ),
  IST0125: code('warning', 'InvalidAnnotation', 'The value of an annotation cannot be used.', 'correct the value'),
  IST0127: code('warning', 'NoMatchingWorkloadsFound', 'The selector selects no workload.', 'correct the labels, or deploy what it should select'),
  IST0128: code(
    'warning',
    'NoServerCertificateVerificationDestinationLevel',
    'TLS takes any certificate, so that any server is believed.',
    'leave insecureSkipVerify out; name roots by caCertificates or credentialName',
  ),
  IST0129: code(
    'warning',
    'NoServerCertificateVerificationPortLevel',
    'TLS takes any certificate for a port, so that any server is believed.',
    'leave insecureSkipVerify out for the port; name roots by caCertificates or credentialName',
  ),
  IST0130: code(
    'warning',
    'VirtualServiceUnreachableRule',
    'A route is never used, since one before it takes all of its calls.',
    'put the narrower route first, or remove it',
  ),
  IST0131: code('info', 'VirtualServiceIneffectiveMatch', 'A match is never used, since a route before it has the same one.', 'remove the match'),
  IST0132: code(
    'warning',
    'VirtualServiceHostNotFoundInGateway',
    'A host of a VirtualService is not served by the Gateway that it names.',
    'add the host to a server of the Gateway',
  ),
  IST0134: code('warning', 'ServiceEntryAddressesRequired', 'A ServiceEntry has a TCP port and no address by which its calls could be known.', 'set addresses'),
  IST0138: code(
    'warning',
    'GatewayDuplicateCertificate',
    'Several Gateways use the same certificate: clients that reuse HTTP/2 connections may get 404.',
    'join them into one Gateway',
  ),
  IST0140: code(
    'warning',
    'IngressRouteRulesNotAffected',
    'Calls that come by a Gateway go to a host whose own VirtualService divides its calls: those rules have no effect on them.',
    'give the route of the Gateway the same subsets, or the other VirtualService the Gateway as well',
  ),
  IST0145: code('error', 'ConflictingGateways', 'Gateways of the same selector have a server with the same port and host.', 'give each host to one Gateway'),
  IST0149: code(
    'error',
    'JwtClaimBasedRoutingWithoutRequestAuthN',
    'A route matches on a claim of a JWT, and no RequestAuthentication verifies one.',
    'apply a RequestAuthentication first',
  ),
  IST0161: code(
    'error',
    'InvalidGatewayCredential',
    'The Secret of a Gateway has no certificate and key.',
    'put tls.crt and tls.key (or cert and key) into the Secret',
  ),
  IST0167: code('warning', 'IneffectivePolicy', 'A policy has no rule that could have an effect.', 'add a rule, or remove the policy'),
  IST0173: code(
    'warning',
    'DestinationRuleSubsetNotSelectPods',
    'A subset selects no version of its host; calls to it are answered 503.',
    'correct its labels, or remove it',
  ),
  IST0174: code(
    'warning',
    'UnknownDestinationRuleHost',
    'A DestinationRule is for a host that does not exist; it has no effect.',
    'correct the host, deploy it, or name it in a ServiceEntry',
  ),
  IST0175: code(
    'warning',
    'UnrestrictedJwksUri',
    'Keys would be fetched from a private or local address, which is refused.',
    'use a public address, or put the keys into jwks',
  ),
  IST0177: code(
    'warning',
    'ConflictingServiceEntryProtocol',
    'Two ServiceEntries have the same host and port with different protocols; only one of them can hold.',
    'give both the same protocol, or each a port of its own',
  ),
  WEFT0101: code(
    'warning',
    'SubsetDefinedTwice',
    'Several DestinationRules of a namespace define the same subset of a host; the oldest wins.',
    'keep one of them',
  ),
  WEFT0102: code('warning', 'DestinationTwice', 'A route names the same destination twice.', 'add the weights of the two up'),
  WEFT0103: code(
    'error',
    'PortNotOnHost',
    'A route goes to a port that its host does not have; its calls are answered 503.',
    'name a port of the host, or none',
  ),
  WEFT0104: code('warning', 'MirrorToItself', 'A route mirrors calls to where they go anyway.', 'mirror to another host or subset'),
  WEFT0105: code(
    'warning',
    'TryLongerThanCall',
    'The time for one try is longer than that for the whole call, so that no retry is ever made.',
    'make perTryTimeout shorter than timeout',
  ),
  WEFT0106: code(
    'warning',
    'TimeoutLongerThanFunction',
    'A route waits longer than the function may take: it is cut off before.',
    'raise the timeout of the function, or lower this one',
  ),
  WEFT0107: code(
    'warning',
    'PathNeverMatches',
    'A path is compared with something that no path is.',
    'begin it with a slash and leave the query out; use queryParams for that',
  ),
  WEFT0108: code('warning', 'MethodNeverMatches', 'HTTP methods are written in capital letters; this one never comes.', 'write it in capital letters'),
  WEFT0109: code('warning', 'NobodyHasTheseLabels', 'A route is for callers with labels that no workload has.', 'correct sourceLabels'),
  WEFT0110: code(
    'info',
    'RoutesOfAnotherNamespace',
    'The VirtualService is about a host of another namespace: it holds for callers of its own namespace only.',
    'move it to the namespace of the host if it should hold for all',
  ),
  WEFT0111: code(
    'warning',
    'SplitOwnedTwice',
    'A Function has a split and a VirtualService owns the split of the same host; the one of the Function has no effect.',
    'remove one of the two',
  ),
  WEFT0112: code('error', 'SubsetWithoutRule', 'A DestinationRule for a host that does not exist defines subsets.', 'correct the host, or deploy it'),
  WEFT0113: code('warning', 'RetriesNeverMade', 'Conditions for retries are named and attempts is 0.', 'set attempts, or remove retryOn'),
  WEFT0114: code(
    'info',
    'WeightsNotPercent',
    'The weights of a route do not add up to 100: calls are shared in their proportion.',
    'make them add up to 100 if they are meant as per cent',
  ),
  WEFT0201: code(
    'warning',
    'PrincipalNotFound',
    'A principal is the identity of no function and of no ServiceAccount.',
    'correct the name: cluster.local/ns/NAMESPACE/sa/NAME',
  ),
  WEFT0202: code('warning', 'NamespaceNotFound', 'A namespace that a policy or route names does not exist.', 'correct the name, or make the namespace'),
  WEFT0203: code('warning', 'PolicyHostNotFound', 'A host in a policy is none of those that callers of the selected workloads use.', 'correct the host'),
  WEFT0204: code(
    'error',
    'IdentityNeedsMutualTls',
    'A policy asks who calls, and mutual TLS is disabled for what it selects: nobody is ever known.',
    'remove the PeerAuthentication with DISABLE, or ask for something else',
  ),
  WEFT0205: code(
    'warning',
    'AllowedAnyway',
    'An ALLOW rule lets every call pass, so that the other ALLOW rules for the same workloads restrict nothing.',
    'narrow the empty rule, or remove it',
  ),
  WEFT0206: code(
    'warning',
    'PortNeverMatches',
    'A policy is evaluated at the workload, whose port is 8080, or its own when it speaks raw TCP; another port never comes.',
    'use that port, or leave ports out',
  ),
  WEFT0207: code(
    'warning',
    'JwtNeverVerified',
    'A policy asks for what a JWT says, and no RequestAuthentication verifies one for what it selects.',
    'apply a RequestAuthentication for the same workloads',
  ),
  WEFT0208: code(
    'warning',
    'PolicyPathNeverMatches',
    'Paths are compared after normalisation; this one never comes.',
    'write it without //, /./, /../ and escaped slashes',
  ),
  WEFT0209: code(
    'warning',
    'PeerAuthenticationTwice',
    'Several PeerAuthentications are about the same workloads at the same level; the oldest wins.',
    'keep one of them',
  ),
  WEFT0210: code(
    'warning',
    'SelectorIgnored',
    'In weft-system a PeerAuthentication is for the whole mesh; with a selector it is for workloads of weft-system, and there are none.',
    'remove the selector, or move it to the namespace of the workloads',
  ),
  WEFT0211: code(
    'info',
    'WorkloadNotCovered',
    'Other workloads of the namespace have an AuthorizationPolicy, and this function has none: everybody may call it.',
    'write who may call it',
  ),
  WEFT0212: code(
    'warning',
    'ForeignTrustDomain',
    'A principal is of another trust domain than the mesh; its certificates are not accepted.',
    'begin it with the trust domain of the mesh, or with cluster.local',
  ),
  WEFT0213: code('warning', 'RuleTwice', 'A policy has the same rule twice.', 'remove one of them'),
  WEFT0220: code(
    'error',
    'TokensNotVerified',
    'A function wants a token of every call from outside, and no RequestAuthentication verifies any for it: all of them are refused.',
    'apply a RequestAuthentication that selects the function',
  ),
  WEFT0221: code(
    'warning',
    'TokenTakenAtIngress',
    'The ingress verifies the tokens of this issuer too, and does not hand them on: from outside they never reach these workloads.',
    'set forwardOriginalToken in the RequestAuthentication of the ingress',
  ),
  WEFT0222: code('warning', 'PortLevelPortNotFound', 'A mode is set for a port that no workload has.', 'use 8080, the port of every function, or mtls'),
  WEFT0301: code(
    'warning',
    'ServiceSelectsNothing',
    'A Service selects no function; calls to its host are answered 503.',
    'correct the labels of the selector',
  ),
  WEFT0302: code(
    'warning',
    'HostOwnedByService',
    'A Service has the name of a function and selects others: calls of that name do not go to the function.',
    'give the Service another name',
  ),
  WEFT0303: code(
    'error',
    'ServiceAccountNotGranted',
    'A function is to run as a service account that is not granted to it; it runs with the identity of its own name.',
    'annotate the ServiceAccount with weft.dev/granted-to',
  ),
  WEFT0304: code('warning', 'GrantToNobody', 'A ServiceAccount is granted to a function that does not exist.', 'correct the name in weft.dev/granted-to'),
  WEFT0305: code('error', 'SecretNotFound', 'A function mounts a Secret that does not exist.', 'make it with: weft secret create NAME'),
  WEFT0306: code(
    'error',
    'RevisionNotFound',
    'A split or rule of a function names a revision that does not exist; its share is answered 503.',
    'list them with: weft revisions NAME',
  ),
  WEFT0307: code('warning', 'ResourceInMissingNamespace', 'The namespace of a resource does not exist.', 'make it with: weft namespace create NAME'),
  WEFT0308: code('warning', 'PortDoesNotCarryHttp', 'A port of a Service does not carry HTTP; the mesh leaves it out.', 'remove the port, or name it http'),
  WEFT0309: code(
    'warning',
    'ReservedNamespace',
    'openfaas-fn is another name of the namespace default, and no namespace of its own.',
    'use default, or another name',
  ),
  WEFT0310: code(
    'warning',
    'ProtocolConflict',
    'A port of a Service says another protocol than what its functions speak; it carries theirs.',
    'name the port after what they speak, or set spec.template.protocol of the function',
  ),
  WEFT0401: code('error', 'CanaryFunctionNotFound', 'A Canary is of a function that does not exist; it tries nothing.', 'correct spec.function'),
  WEFT0402: code(
    'error',
    'CanarySplitOwned',
    'A VirtualService or a route of the Gateway API decides where calls of the function go, so that its Canary cannot.',
    'remove it or its subsets and backends, or the Canary',
  ),
  WEFT0403: code(
    'warning',
    'CanaryPinned',
    'The traffic of the function is pinned, so that its Canary tries nothing.',
    'give it back with: weft traffic clear NAME',
  ),
  WEFT0404: code('warning', 'CanaryTwice', 'A function has several Canaries; only the oldest has effect.', 'keep one of them'),
  WEFT0405: code(
    'warning',
    'CanaryUnjudged',
    'A blue-green Canary has neither copies of calls nor webhooks nor numbers of Prometheus: every revision passes.',
    'add mirror, webhooks or analysis.metrics',
  ),
  WEFT0406: code(
    'warning',
    'CanaryAddressPrivate',
    'A webhook or a Prometheus of a Canary has a private address, which is refused unless the operator allows it.',
    'use a public address or a function, or have canary.allowedAddresses set',
  ),
  WEFT0701: code(
    'error',
    'RouteParentNotFound',
    'A route is attached to a host, Gateway, listener or port that does not exist; it has no effect there.',
    'correct parentRefs, or apply what they name',
  ),
  WEFT0702: code(
    'error',
    'RouteBackendNotFound',
    'A route sends calls to a backend or port that does not exist; its share is answered 500.',
    'correct backendRefs, or deploy what they name',
  ),
  WEFT0703: code(
    'error',
    'ReferenceNotPermitted',
    'A resource refers to something of another namespace that does not allow it.',
    'apply a ReferenceGrant in that namespace',
  ),
  WEFT0704: code(
    'warning',
    'RouteOwnedByVirtualService',
    'A VirtualService has the host that a route of the Gateway API is attached to; the route has no effect.',
    'remove one of the two',
  ),
  WEFT0705: code(
    'warning',
    'RouteHostNotServed',
    'No listener of the Gateway has one of the hostnames of the route; it has no effect there.',
    'add the host to a listener, or correct hostnames',
  ),
  WEFT0706: code(
    'warning',
    'GatewayClassNotFound',
    'The class of a Gateway is none of the platform’s, and no GatewayClass has its name.',
    'use gatewayClassName: weft, or apply the GatewayClass',
  ),
  WEFT0801: code(
    'warning',
    'GatewayNotOurs',
    'A Gateway selects a gateway that the platform does not have, or an Ingress has a class of somebody else; nothing is served.',
    'select istio: ingressgateway or weft.dev/gateway: ingress; leave ingressClassName out, or use weft',
  ),
  WEFT0802: code(
    'error',
    'GatewayPortMixed',
    'A server has plain HTTP on the port for TLS (443, 8443), or TLS on the port for HTTP (80, 8080); it is left out.',
    'use the other port, or the other protocol',
  ),
  WEFT0803: code(
    'error',
    'GatewayClientRootsMissing',
    'A server asks clients for certificates, and its Secret has no roots to check them by; no connection is accepted.',
    'put ca.crt into the Secret, or into a Secret of its name with -cacert',
  ),
  WEFT0804: code(
    'warning',
    'RouteBehindPlatformPath',
    'A route for every name of a Gateway has a path that is the platform\u2019s own, which comes first; the route gets no calls there.',
    'use another path, or a Gateway with a name of its own',
  ),
  WEFT0805: code(
    'error',
    'FrontBackendNotFound',
    'An Ingress, HTTPTrigger or FunctionIngress names a function or Service that does not exist; its calls are answered 503.',
    'correct the name, or deploy it',
  ),
  WEFT0806: code(
    'error',
    'FrontSecretNotFound',
    'An Ingress, HTTPTrigger or FunctionIngress names a Secret that does not exist; no TLS connection is accepted until it is there.',
    'correct the name, or apply the Secret',
  ),
} as const satisfies Record<string, AnalysisCode>

/** One of {@link ANALYSIS_CODES}. */
export type AnalysisCodeName = keyof typeof ANALYSIS_CODES
