import { providerContract, type ProviderUnderTest } from '../contract.ts'
import type { IsolationWish } from './index.ts'
import { testProvider } from './test-provider.ts'

async function subject(isolation: IsolationWish): Promise<ProviderUnderTest> {
  const test = await testProvider({ isolation })
  return { provider: test.provider, crash: ({ pid }) => void (pid === undefined || process.kill(pid, 'SIGKILL')), end: () => test.end() }
}

for (const isolation of ['required', 'none'] as const) providerContract(`processes, isolation ${isolation}`, () => subject(isolation))
