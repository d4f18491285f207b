import { useEnvoys } from '../testing/world.ts'

useEnvoys(2)
await import('../rates.test.ts')
