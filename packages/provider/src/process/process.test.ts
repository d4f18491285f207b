import { providerContract, type ProviderUnderTest } from '../contract.ts'
import type { IsolationWish } from './index.ts'
import { testProvider } from './test-provider.ts'

async function subject(isolation: IsolationWish): Promise<ProviderUnderTest> {
  const { provider, end } = await testProvider({ isolation })
  return { provider, crash: ({ pid }) => void (pid === undefined || process.kill(pid, 'SIGKILL')), end }
}

for (const isolation of ['required', 'none'] as const) providerContract(`processes, isolation ${isolation}`, () => subject(isolation))
