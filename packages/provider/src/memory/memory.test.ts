import { providerContract } from '../contract.ts'
import { MemoryProvider } from './index.ts'

providerContract('in memory', async () => {
  const provider = new MemoryProvider()
  provider.failStarts((spec) => (spec.env['BEHAVIOUR'] === 'crash' ? { reason: 'ExitedNonZero', message: 'exit code 3' } : undefined))
  return { provider, crash: ({ id }) => provider.crash(id, 'ExitedNonZero', 'exit code 3'), end: () => provider.close(1000) }
})
