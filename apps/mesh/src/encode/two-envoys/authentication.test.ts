import { useEnvoys } from '../testing/world.ts'

useEnvoys(2)
await import('../authentication.test.ts')
