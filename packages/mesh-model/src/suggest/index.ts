export { suggestPolicies, type ObservedCall } from './suggest.ts'
