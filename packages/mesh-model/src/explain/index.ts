export { authorize, type AskedCaller, type AuthorizationAnswer, type AuthorizationCheck, type AuthorizationQuestion } from './authorize.ts'
export { describedHost } from './egress-host.ts'
export { describeHost, type DescribedRoute, type DescribedWorkload, type HostDescription } from './describe.ts'
export { referredWorkloads } from './referred.ts'
