import { useEnvoys } from '../testing/world.ts'

useEnvoys(2)
await import('../direct.test.ts')
