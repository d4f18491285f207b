import { useEnvoys } from '../testing/world.ts'

useEnvoys(2)
await import('../policy-tcp.test.ts')
