import { storeContract } from '../contract.ts'
import { modelContract } from '../contract-model.ts'
import { memoryStore } from './index.ts'

const make = async () => {
  const store = memoryStore()
  return { store, close: () => store.close() }
}

storeContract('memory', make)
modelContract('memory', make)
